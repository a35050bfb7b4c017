-- In place of a claim, for a user who is kept back as control: a charge without a send, if the caps allow one.

local function charged(send)
  return {'charged', send.sent_at}
end

local function charge_anew(user)
  local send = with_slot(user, {
    position = POSITION, event_id = EVENT_ID, merchant_id = MERCHANT_ID, sent_at = NOW, uncertain = false,
    control = true, incarnation = INCARNATION, number = NUMBER,
  }, nil)
  table.insert(user.entries, send)
  save_user(user)
  return charged(send)
end

-- A claim at the own position may have sent.
local function charge_control(user)
  local own = own_entry(user)
  if own and is_claim(own) then return {'known'} end
  if own and own.control and has_our_token(own) then return charged(own) end
  if own then return already_sent(own) end
  return obstacle(user) or charge_anew(user)
end

local user = load_user()
return user and charge_control(user) or UNREADABLE
