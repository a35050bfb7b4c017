local function is_final(own)
  return not is_claim(own) or (has_our_token(own) and (own.taken_over or not is_live(own)))
end

-- 'charged': the charge stays, so the event must end as push_uncertain.
-- The token is recorded as released even without such a claim: its `reserve` may arrive later, and must claim nothing.
local function release(user)
  if was_released(user) then return {'released'} end
  local own = own_entry(user)
  if own and is_final(own) then return {'charged'} end
  if own and has_our_token(own) then remove_own_entry(user) end
  table.insert(user.released, {position = POSITION, incarnation = INCARNATION, number = NUMBER, at = NOW})
  save_user(user)
  return {'released'}
end

local user = load_user()
return user and release(user) or UNREADABLE
