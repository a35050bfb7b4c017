local LEASE_MS = tonumber(ARGV[6])

local function renew(user)
  local own = own_entry(user)
  if not own or not is_live(own) or not has_our_token(own) then return {'lost'} end
  own.lease_until = math.max(own.lease_until, NOW + LEASE_MS)
  save_user(user)
  return {'renewed', own.lease_until}
end

local user = load_user()
return user and renew(user) or UNREADABLE
