local function is_final(own)
  return not is_claim(own) or (has_our_token(own) and (own.taken_over or not is_live(own)))
end

-- Also where there is no such claim: its `reserve` may arrive after this, and nobody would ever end what it claims.
local function release(user)
  local own = own_entry(user)
  if was_released(user) or (own and is_final(own)) then return {'unchanged'} end
  if own and has_our_token(own) then remove_own_entry(user) end
  table.insert(user.released, {position = POSITION, incarnation = INCARNATION, number = NUMBER, at = NOW})
  save_user(user)
  return {'released'}
end

local user = load_user()
return user and release(user) or UNREADABLE
