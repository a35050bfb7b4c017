-- What is left of today's budgets. Each has a key: {taken = 12, ends = ..., since = ...}: so many were taken on the day
-- that ends then, as far as is known since `since`. Their keys stand behind those of the user, in the order of BUDGETS,
-- and the one of `known_since` is the last. `from`, `till` and `open` say when the day is, and when it is open in it.

local BUDGETS = cjson.decode(ARGV[#ARGV - (ERASED_KEY and 4 or 1)])
local RELEASED_AHEAD = 12 -- LENT_AHEAD in domain/budgets.py

local function budget_key(index)
  return KEYS[#KEYS - #BUDGETS - 1 + index]
end

-- The same as `released` in domain/budgets.py.
local function released(budget, at)
  local over, length = 0, 0
  for _, span in ipairs(budget.open) do
    over = over + math.min(math.max(at, span[1]), span[2]) - span[1]
    length = length + span[2] - span[1]
  end
  local parts, whole = budget.pushes * (RELEASED_AHEAD * over + length), RELEASED_AHEAD * length
  return math.min(budget.pushes, (parts - parts % whole) / whole + (parts % whole > 0 and 1 or 0))
end

local function is_budget(value)
  return is_whole(value.taken) and is_whole(value.ends) and is_whole(value.since)
end

-- While the day that was counted is not over its count goes on, also where its zone was changed meanwhile. What was out when
-- nobody counted, or when something was forgotten, may have been taken. nil if the key holds something else.
local function taken_of(index, since)
  local budget, stored = BUDGETS[index], read_json(budget_key(index))
  if stored == false or (stored and not is_budget(stored)) then
    UNREADABLE[2] = #KEYS - #BUDGETS - 1 + index
    return nil
  end
  local goes_on = stored and stored.ends > NOW
  local taken = goes_on and stored.taken or 0
  if (goes_on and stored.since == since) or since <= budget.from then return taken end
  return math.max(taken, released(budget, since))
end

local function save_budget(index, taken, since)
  local budget = BUDGETS[index]
  local value = cjson.encode({taken = taken, ends = budget.till, since = since})
  redis.call('SET', budget_key(index), value, 'PXAT', string.format('%.0f', budget.till + BUDGET_KEPT_MS))
end

local function each_taken(since)
  local taken = {}
  for index in ipairs(BUDGETS) do
    taken[index] = taken_of(index, since)
    if not taken[index] then return nil end
  end
  return taken
end

-- How many were taken of each, and since when that is known.
local COUNTED = nil

-- What stands against one more.
local function spent()
  for _, budget in ipairs(BUDGETS) do
    if NOW < budget.from or NOW >= budget.till then return {'other_day'} end
  end
  if #BUDGETS == 0 then return nil end
  local since = known_since(run_id(redis.call('INFO', 'server')))
  local taken = each_taken(since)
  if not taken then return UNREADABLE end
  for index, budget in ipairs(BUDGETS) do
    if taken[index] >= released(budget, NOW) then return {'budget_spent', index, taken[index]} end
  end
  COUNTED = {taken = taken, since = since}
end

-- One more of each, where none is spent. What the claim is to say of it: until when the day is of which it has a part.
local function take_budgets()
  if not COUNTED then return nil end
  local parts = {}
  for index, budget in ipairs(BUDGETS) do
    save_budget(index, COUNTED.taken[index] + 1, COUNTED.since)
    parts[budget.name] = budget.till
  end
  return parts
end

-- What the claim has of a day that is not over goes back.
local function give_back(parts)
  for index, budget in ipairs(BUDGETS) do
    local stored = read_json(budget_key(index))
    if parts[budget.name] and stored and is_budget(stored) and stored.ends == parts[budget.name] and stored.taken > 0 then
      stored.taken = stored.taken - 1
      redis.call('SET', budget_key(index), cjson.encode(stored), 'KEEPTTL')
    end
  end
end
