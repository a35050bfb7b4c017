-- Since when this server has known everything that was taken of budgets: {run = '...', since = ...}, where the last key says.
-- A server that was started anew, or that took another one's place, may lack the latest of it: it is known by its `run_id`.

local KNOWN_KEY = KEYS[#KEYS]
local BUDGET_KEPT_MS = 35 * 24 * 60 * 60 * 1000 -- beyond its day, and beyond the last check: then it is as if it were new

-- What a key holds as JSON: nil if it is not there, false if it holds something else.
local function read_json(key)
  local raw = redis.pcall('GET', key)
  if type(raw) == 'table' and not string.find(raw.err, 'WRONGTYPE', 1, true) then error(raw) end
  if raw == false then return nil end
  local readable, value = pcall(cjson.decode, raw)
  return readable and type(value) == 'table' and value or false
end

local function is_whole(value)
  return type(value) == 'number' and value >= 0 and value % 1 == 0 and value < 2 ^ 53
end

-- What was forgotten, or written by another server, is known from now on. `run` is this server's.
local function known_since(run)
  local known = read_json(KNOWN_KEY)
  if known and known.run == run and is_whole(known.since) and known.since <= NOW then return known.since end
  redis.call('SET', KNOWN_KEY, cjson.encode({run = run, since = NOW}), 'PX', string.format('%.0f', BUDGET_KEPT_MS))
  return NOW
end

local function run_id(info)
  return string.match(info, 'run_id:(%w+)') or ''
end
