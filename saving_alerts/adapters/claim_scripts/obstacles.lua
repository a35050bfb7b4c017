-- Shared by `look`, `reserve` and `charge_control`: what stands against a new claim for an event of which the user has no entry.

local CAPS = cjson.decode(ARGV[6])

-- A send, or a claim whose lease has ended: only the position of that claim may finish the event.
local function first_charge_for_event(user)
  for _, entry in ipairs(user.entries) do
    if entry.event_id == EVENT_ID and not is_live(entry) then return entry end
  end
end

local function holds(event_ids, event_id)
  for _, each in ipairs(event_ids or {}) do
    if each == event_id then return true end
  end
  return false
end

local function names_this_event(entry)
  local is_named = not entry.under_token and holds(entry.slot, EVENT_ID)
  return is_named or (ERASED and holds(tokens_of_slot(entry), ERASED.event_id))
end

local function is_gathered(entry, others)
  for _, other in ipairs(others) do
    if entry.event_id == other[1] or (entry.under_token and entry.event_id == other[2]) then return true end
  end
  return names_this_event(entry)
end

-- By the times of both events: this one is of the other's slot, or the other's slot began while this one's lasted (to `ends`).
local function lies_in_slot(entry, at, ends)
  if not ends or not entry.slot_began then return false end
  if at < entry.slot_began then return entry.slot_began < ends end
  return at < entry.slot_ends
end

-- Only where no claim lives: what is there is a charge for good.
local function first_charge_in_slot(user)
  local told = told_slot()
  local at, _, ends = told.times and told.times.at, own_slot(user, told.times)
  for _, entry in ipairs(user.entries) do
    if is_gathered(entry, told.others) or lies_in_slot(entry, at, ends) then return entry end
  end
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

local function obstacle(user)
  local charge = first_charge_for_event(user)
  -- Of what was erased nobody can say any more where it stood.
  if charge then return {'duplicate_of', charge.under_token and '' or charge.position} end
  local busy_until = end_of_live_claims(user.entries)
  if busy_until then return {'busy', busy_until, 0} end
  local winner = first_charge_in_slot(user)
  if winner and winner.under_token then return {'outbid', '', ''} end
  if winner then return {'outbid', winner.event_id, winner.position} end
  local blocked = blocking(user)
  if blocked then return {'cap_reached', blocked.index, blocked.till} end
  return spent()
end
