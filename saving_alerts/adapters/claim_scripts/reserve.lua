local LEASE_MS = tonumber(ARGV[7])

local function granted(claim)
  return {'granted', claim.lease_until, claim.taken_over and 1 or 0}
end

-- One that was erased is the user's again: it is in work.
local function take_over(user, claim)
  with_slot(user, claim, claim)
  claim.under_token, claim.merchant_id = nil, MERCHANT_ID
  claim.incarnation, claim.number = INCARNATION, NUMBER
  claim.lease_until, claim.taken_over = NOW + LEASE_MS, true
  save_user(user)
  return granted(claim)
end

local function reserve_again(user, claim)
  if not is_live(claim) then return take_over(user, claim) end
  if claim.incarnation ~= INCARNATION then return {'busy', claim.lease_until, 1} end
  if claim.number ~= NUMBER then return take_over(user, claim) end
  return granted(claim)
end

local function claim_anew(user)
  local claim = with_slot(user, {
    position = POSITION, event_id = EVENT_ID, merchant_id = MERCHANT_ID,
    incarnation = INCARNATION, number = NUMBER, lease_until = NOW + LEASE_MS,
    budgets = take_budgets(),
  }, nil)
  table.insert(user.entries, claim)
  save_user(user)
  return granted(claim)
end

local function reserve(user)
  local own = own_entry(user)
  if own and not is_claim(own) then return already_sent(own) end
  -- What this very claim holds comes first: a higher number may have been released since.
  if not (own and has_our_token(own)) and was_released(user) then return {'outnumbered'} end
  if own then return reserve_again(user, own) end
  return obstacle(user) or claim_anew(user)
end

local user = load_user()
return user and reserve(user) or UNREADABLE
