-- Shared by all claim scripts, which are appended to it. Every time is in milliseconds of this server's clock.
--
-- KEYS[1] holds one user: {entries = {...}, released = {...}}. KEYS[2], where there is one, holds the same under the
-- token of the user: what was charged before the user was erased, with tokens in place of its texts. The last three
-- arguments are then the tokens of this call's event, so every call finds what was erased of it.
-- An entry is the one thing known of an event at a position: a send (`sent_at`, `uncertain`; with `control` nothing was
-- sent, and it is charged all the same, by this `incarnation` and `number`), or a claim (`lease_until`, `incarnation`, `number`, `taken_over`). A claim whose lease has ended stays: it is a charge for good, and only its own
-- event at its own position can take it up again. Positions come again when the source is made anew, so that another event
-- at the same position is another one.
-- `slot` of an entry are the event ids of those that were gathered with it; none, where nothing was gathered. Of all that
-- were gathered with each other one is charged at most. `slot_tokens` is the part of the slot that was erased, where the entry
-- itself is the user's again; under the token of the user all of `slot` are tokens. The argument before the tokens is a list
-- of those that this event was gathered with: pairs of event id and token, which is an empty text where there are no tokens.
-- `released` says which claims must never be granted again, because a copy of their `reserve` may arrive late: of each
-- incarnation the `highest` number that was released, and with it every lower one. An item without `highest` is one token, as
-- release 0.1.0 writes them. The latest stands last.

local POSITION, EVENT_ID, MERCHANT_ID, INCARNATION, NUMBER = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local REMEMBERED_MS = 168 * 60 * 60 * 1000 -- MAX_CAP_HOURS in domain/caps.py: no cap looks back further
-- Longer than TCP can go on delivering what a closed connection had sent.
local RELEASED_REMEMBERED_MS = 60 * 60 * 1000
-- Of incarnations, and of tokens of release 0.1.0: whatever becomes of a user, their value stays small.
local MOST_RELEASED = 32
-- In a slot: more than one worker gathers, and what a claim that is taken over adds.
local MOST_IN_SLOT = 32
local UNREADABLE = {'unreadable', 1}
local ERASED = KEYS[2] and {position = ARGV[#ARGV - 2], event_id = ARGV[#ARGV - 1], merchant_id = ARGV[#ARGV]}

local function milliseconds_now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local NOW = milliseconds_now()

local function is_claim(entry)
  return entry.sent_at == nil
end

local function is_live(entry)
  return is_claim(entry) and NOW < entry.lease_until
end

-- A claim may have sent until its lease ended.
local function charged_at(entry)
  return entry.sent_at or entry.lease_until
end

local function end_of_live_claims(entries)
  local last = nil
  for _, entry in ipairs(entries) do
    if is_live(entry) then last = math.max(last or 0, entry.lease_until) end
  end
  return last
end

local function has_our_token(entry)
  return entry.position == POSITION and entry.incarnation == INCARNATION and entry.number == NUMBER
end

local function has_texts(value, names)
  for _, name in ipairs(names) do
    if type(value[name]) ~= 'string' then return false end
  end
  return true
end

-- One that is further ahead than anything is remembered would be remembered for ever: none of us wrote it.
local function is_time(value)
  return type(value) == 'number' and value - NOW < REMEMBERED_MS
end

local function is_slot(value)
  if type(value) ~= 'table' or #value > MOST_IN_SLOT then return false end
  for key, text in pairs(value) do
    if type(key) ~= 'number' or type(text) ~= 'string' then return false end
  end
  return true
end

local function is_entry(value)
  if type(value) ~= 'table' or not has_texts(value, {'position', 'event_id', 'merchant_id'}) then return false end
  if value.slot ~= nil and not is_slot(value.slot) then return false end
  if value.slot_tokens ~= nil and not is_slot(value.slot_tokens) then return false end
  if value.sent_at ~= nil then return is_time(value.sent_at) end
  return is_time(value.lease_until) and has_texts(value, {'incarnation', 'number'})
end

local function is_release(value)
  if type(value) ~= 'table' or not is_time(value.at) then return false end
  return has_texts(value, {'position', 'incarnation', 'number'}) and string.find(value.number, '^%d+$') ~= nil
end

local function is_list_of(is_item, values)
  if type(values) ~= 'table' then return false end
  for key, value in pairs(values) do
    if type(key) ~= 'number' or not is_item(value) then return false end
  end
  return true
end

local function kept(values, is_kept)
  local result = {}
  for _, value in ipairs(values) do
    if is_kept(value) then table.insert(result, value) end
  end
  return result
end

-- What a key holds, without what is too old. nil if it holds something else.
local function load_key(key)
  local raw = redis.pcall('GET', key)
  -- That we may not look is an error to report, and no reason to delete the key.
  if type(raw) == 'table' and not string.find(raw.err, 'WRONGTYPE', 1, true) then error(raw) end
  if raw == false then return {entries = {}, released = {}} end
  local readable, user = pcall(cjson.decode, raw)
  if not readable or type(user) ~= 'table' then return nil end
  if not is_list_of(is_entry, user.entries) or not is_list_of(is_release, user.released) then return nil end
  return {
    entries = kept(user.entries, function(entry) return NOW - charged_at(entry) < REMEMBERED_MS end),
    released = kept(user.released, function(release) return NOW - release.at < RELEASED_REMEMBERED_MS end),
  }
end

-- With this call's own texts in place of their tokens. `under_token` keeps what is stored.
local function found_again(value)
  value.under_token = {position = value.position, event_id = value.event_id, merchant_id = value.merchant_id}
  if value.position == ERASED.position then value.position = POSITION end
  if value.event_id == ERASED.event_id then value.event_id = EVENT_ID end
  if value.merchant_id == ERASED.merchant_id then value.merchant_id = MERCHANT_ID end
  return value
end

-- What was erased comes first: it is older.
local function with_erased(erased, values)
  local result = {}
  for _, value in ipairs(erased) do table.insert(result, found_again(value)) end
  for _, value in ipairs(values) do table.insert(result, value) end
  return result
end

-- All that is known of the user. nil if a key holds something else: the callers then answer UNREADABLE, with which.
local function load_user()
  local user = load_key(KEYS[1])
  if not user or not KEYS[2] then return user end
  local erased = load_key(KEYS[2])
  if not erased then
    UNREADABLE[2] = 2
    return nil
  end
  return {
    entries = with_erased(erased.entries, user.entries),
    released = with_erased(erased.released, user.released),
    was_erased = #erased.entries + #erased.released > 0,
  }
end

local function latest(most, values)
  local result = {}
  for index = math.max(1, #values - most + 1), #values do table.insert(result, values[index]) end
  return result
end

-- The key must outlive its entries: a lease that was just written ends later than now.
local function save_key(key, entries, released)
  local last = NOW
  for _, entry in ipairs(entries) do last = math.max(last, charged_at(entry)) end
  local value = cjson.encode({entries = entries, released = latest(MOST_RELEASED, released)})
  redis.call('SET', key, value, 'PXAT', string.format('%.0f', last + REMEMBERED_MS))
end

local function is_under_user(value)
  return value.under_token == nil
end

local function under_token(values)
  local result = kept(values, function(value) return not is_under_user(value) end)
  for _, value in ipairs(result) do
    for name, text in pairs(value.under_token) do value[name] = text end
    value.under_token = nil
  end
  return result
end

local function save_user(user)
  save_key(KEYS[1], kept(user.entries, is_under_user), kept(user.released, is_under_user))
  if user.was_erased then save_key(KEYS[2], under_token(user.entries), under_token(user.released)) end
end

-- Those that this event was gathered with. To be asked only by a script that is told.
local function gathered()
  return cjson.decode(ARGV[#ARGV - (KEYS[2] and 3 or 0)])
end

-- Of the slot of an entry, or of none, what are tokens.
local function tokens_of_slot(entry)
  if entry and entry.under_token then return entry.slot end
  return entry and entry.slot_tokens
end

-- The slot of an entry, or of none, with those of this call, and its tokens. Of too many the first ones: they were gathered
-- first. nil for nobody.
local function joined(entry)
  local tokens = tokens_of_slot(entry)
  local most = MOST_IN_SLOT - #(tokens or {})
  local result, known = {}, {[EVENT_ID] = true}
  local function add(event_id)
    if known[event_id] or #result >= most then return end
    known[event_id] = true
    table.insert(result, event_id)
  end
  if entry and not entry.under_token then
    for _, event_id in ipairs(entry.slot or {}) do add(event_id) end
  end
  for _, other in ipairs(gathered()) do add(other[1]) end
  return #result > 0 and result or nil, tokens
end

local function is_own(entry)
  return entry.position == POSITION and entry.event_id == EVENT_ID
end

local function own_entry(user)
  for _, entry in ipairs(user.entries) do
    if is_own(entry) then return entry end
  end
end

local function remove_own_entry(user)
  user.entries = kept(user.entries, function(entry) return not is_own(entry) end)
end

local function already_sent(own)
  return {'already_sent', own.sent_at, own.uncertain and 1 or 0, own.control and 1 or 0}
end

-- Both are digits, and may be more than a number of Lua can tell apart.
local function is_at_most(number, other)
  if #number ~= #other then return #number < #other end
  return number <= other
end

local function is_our_highest(release)
  return release.highest == true and release.incarnation == INCARNATION
end

local function our_highest_released(user)
  return kept(user.released, is_our_highest)[1]
end

-- Claims are numbered in the order in which they are made, so a claim of ours with a lower number is one of before.
local function was_released(user)
  local highest = our_highest_released(user)
  if highest and is_at_most(NUMBER, highest.number) then return true end
  return #kept(user.released, has_our_token) > 0
end

local function remember_release(user)
  local highest = our_highest_released(user)
  user.released = kept(user.released, function(release) return not is_our_highest(release) end)
  if not highest or is_at_most(highest.number, NUMBER) then
    highest = {position = POSITION, incarnation = INCARNATION, number = NUMBER, highest = true}
  end
  highest.at = NOW
  table.insert(user.released, highest)
end
