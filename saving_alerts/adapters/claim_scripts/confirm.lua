local UNCERTAIN = ARGV[6] == '1'

-- What was charged as control says less than either.
local function changes_nothing(own)
  return own and not is_claim(own) and not own.control and (UNCERTAIN or not own.uncertain)
end

-- A request that is under way may be accepted until the lease ends: a charge from now would end too early.
local function charged_from(own)
  return UNCERTAIN and own and math.max(NOW, charged_at(own)) or NOW
end

-- Whoever holds the claim: the push was made for this event here, so the charge stays with it.
local function confirm(user)
  local own = own_entry(user)
  if changes_nothing(own) then return {'unchanged'} end
  local send = with_slot(user, {
    position = POSITION, event_id = EVENT_ID, merchant_id = MERCHANT_ID,
    sent_at = charged_from(own), uncertain = UNCERTAIN,
  }, own)
  remove_own_entry(user)
  table.insert(user.entries, send)
  save_user(user)
  return {'recorded'}
end

local user = load_user()
return user and confirm(user) or UNREADABLE
