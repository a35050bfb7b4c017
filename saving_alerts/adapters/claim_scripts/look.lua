-- What `reserve` would find, without a claim. Nothing of the user is written.
local function look(user)
  if own_entry(user) then return {'known'} end
  return obstacle(user) or {'free'}
end

local user = load_user()
return user and look(user) or UNREADABLE
