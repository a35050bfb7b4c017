-- As much as a claim takes: the clock, a look, a write. The key is nobody's, and remembers nothing. And from now on this
-- server knows of budgets, if it may say which one it is.
local user = load_user()
if not user then return UNREADABLE end
save_user(user)
local info = redis.pcall('INFO', 'server')
if type(info) == 'string' then
  known_since(run_id(info))
  redis.call('PEXPIRE', KNOWN_KEY, string.format('%.0f', BUDGET_KEPT_MS))
end
return {'checked'}
