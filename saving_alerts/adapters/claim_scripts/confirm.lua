local UNCERTAIN = ARGV[6] == '1'

local function says_nothing_new(own)
  return own and not is_claim(own) and (UNCERTAIN or not own.uncertain)
end

-- Whoever holds the claim: the push was made for this position, so the charge stays with it.
local function confirm(user)
  if says_nothing_new(own_entry(user)) then return {'unchanged'} end
  remove_own_entry(user)
  local send = {position = POSITION, event_id = EVENT_ID, merchant_id = MERCHANT_ID, sent_at = NOW, uncertain = UNCERTAIN}
  table.insert(user.entries, send)
  save_user(user)
  return {'recorded'}
end

local user = load_user()
return user and confirm(user) or UNREADABLE
