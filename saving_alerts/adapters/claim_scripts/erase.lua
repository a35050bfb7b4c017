-- The tokens of what stands under the user, by kind and text. What has none yet is asked for.
local KNOWN = cjson.decode(ARGV[6])
local KINDS = {'position', 'event_id', 'merchant_id'}

local function add_missing(missing, kind, text)
  if text and not (KNOWN[kind] and KNOWN[kind][text]) then
    table.insert(missing, kind)
    table.insert(missing, text)
  end
end

local function without_token(values)
  local missing = {}
  for _, value in ipairs(values) do
    for _, kind in ipairs(KINDS) do add_missing(missing, kind, value[kind]) end
    for _, event_id in ipairs(value.slot or {}) do add_missing(missing, 'event_id', event_id) end
  end
  return missing
end

-- What is a token already stays one.
local function slot_in_tokens(value)
  local result = value.slot_tokens or {}
  for _, event_id in ipairs(value.slot or {}) do table.insert(result, KNOWN.event_id[event_id]) end
  return #result > 0 and result or nil
end

local function rename(values)
  for _, value in ipairs(values) do
    value.under_token = {}
    value.budgets = nil -- no claim lives, so nothing of it goes back
    for _, kind in ipairs(KINDS) do
      if value[kind] then value.under_token[kind] = KNOWN[kind][value[kind]] end
    end
    value.slot, value.slot_tokens = slot_in_tokens(value), nil
  end
end

local function is_same_event(first, second)
  return first.position == second.position and first.event_id == second.event_id
end

-- A claim, or an uncertain send, says more than a charge as control, and less than a send.
local function says(entry)
  if entry.control then return 1 end
  return (is_claim(entry) or entry.uncertain) and 2 or 3
end

local function says_as_much(known, entry)
  if says(known) ~= says(entry) then return says(known) > says(entry) end
  return not is_claim(known) and not is_claim(entry)
end

-- Of an event that stands under the token already, by a refill that ran meanwhile, what says more stays: a charge is one.
local function once(entries)
  local result = {}
  for _, entry in ipairs(entries) do
    local others = kept(result, function(other) return not is_same_event(entry, other) end)
    local known = kept(result, function(other) return is_same_event(entry, other) end)[1]
    table.insert(others, known and says_as_much(known, entry) and known or entry)
    result = others
  end
  return result
end

local function both(first, second)
  for _, value in ipairs(second) do table.insert(first, value) end
  return first
end

-- Nothing is lost: every charge and every released number stands under the token of the user afterwards.
local function erase(user)
  local own_entries, own_released = kept(user.entries, is_under_user), kept(user.released, is_under_user)
  local busy_until = end_of_live_claims(own_entries)
  if busy_until then return {'busy', busy_until} end
  local missing = both(without_token(own_entries), without_token(own_released))
  if #missing > 0 then return both({'unknown'}, missing) end
  rename(own_entries)
  rename(own_released)
  local entries, released = once(under_token(user.entries)), under_token(user.released)
  if #entries + #released > 0 then save_key(KEYS[2], entries, released) end
  redis.call('DEL', KEYS[1])
  return {'erased'}
end

local user = load_user()
return user and erase(user) or UNREADABLE
