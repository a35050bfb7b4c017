-- As much as a claim takes: the clock, a look, a write. The key is nobody's, and remembers nothing.
local user = load_user()
if not user then return UNREADABLE end
save_user(user)
return {'checked'}
