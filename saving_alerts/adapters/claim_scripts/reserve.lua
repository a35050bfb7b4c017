local LEASE_MS = tonumber(ARGV[6])
local CAPS = cjson.decode(ARGV[7])

local function granted(claim)
  return {'granted', claim.lease_until, claim.taken_over and 1 or 0}
end

local function take_over(user, claim)
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

-- A send, or a claim whose lease has ended: only the position of that claim may finish the event.
local function first_charge_for_event(user)
  for _, entry in ipairs(user.entries) do
    if entry.event_id == EVENT_ID and not is_live(entry) then return entry end
  end
end

local function end_of_live_claims(user)
  local last = nil
  for _, entry in ipairs(user.entries) do
    if is_live(entry) then last = math.max(last or 0, entry.lease_until) end
  end
  return last
end

local function charges_under(cap, user)
  local times = {}
  for _, entry in ipairs(user.entries) do
    local counts = cap.per == 'user' or entry.merchant_id == MERCHANT_ID
    if counts and NOW - charged_at(entry) < cap.window_ms then table.insert(times, charged_at(entry)) end
  end
  table.sort(times)
  return times
end

-- The same as `blocking_cap` in domain/caps.py: the cap that blocks longest, the first of equals.
local function blocking(user)
  local longest = nil
  for index, cap in ipairs(CAPS) do
    local times = charges_under(cap, user)
    local from = times[#times - cap.pushes + 1]
    if from and (not longest or from + cap.window_ms > longest.till) then
      longest = {index = index, till = from + cap.window_ms}
    end
  end
  return longest
end

local function claim_anew(user)
  local claim = {
    position = POSITION, event_id = EVENT_ID, merchant_id = MERCHANT_ID,
    incarnation = INCARNATION, number = NUMBER, lease_until = NOW + LEASE_MS,
  }
  table.insert(user.entries, claim)
  save_user(user)
  return granted(claim)
end

local function reserve(user)
  local own = own_entry(user)
  if own and not is_claim(own) then return {'already_sent', own.sent_at, own.uncertain and 1 or 0} end
  if was_released(user) then return {'was_released'} end
  if own then return reserve_again(user, own) end
  local charge = first_charge_for_event(user)
  if charge then return {'duplicate_of', charge.position} end
  local busy_until = end_of_live_claims(user)
  if busy_until then return {'busy', busy_until, 0} end
  local blocked = blocking(user)
  if blocked then return {'cap_reached', blocked.index, blocked.till} end
  return claim_anew(user)
end

local user = load_user()
return user and reserve(user) or UNREADABLE
