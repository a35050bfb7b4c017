local SENT_AT, UNCERTAIN, CONTROL = tonumber(ARGV[6]), ARGV[7] == '1', ARGV[8] == '1'

-- A send that is missing is added. What is known of the event at the position, a claim too, stays as it is.
local function refill(user)
  if own_entry(user) then return {'known'} end
  if math.abs(NOW - SENT_AT) >= REMEMBERED_MS then return {'too_old'} end
  local send = {
    position = POSITION, event_id = EVENT_ID, merchant_id = MERCHANT_ID, sent_at = SENT_AT, uncertain = UNCERTAIN,
    control = CONTROL or nil,
  }
  table.insert(user.entries, send)
  save_user(user)
  return {'added'}
end

local user = load_user()
return user and refill(user) or UNREADABLE
