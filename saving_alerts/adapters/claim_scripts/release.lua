local function is_final(own)
  return not is_claim(own) or (has_our_token(own) and (own.taken_over or not is_live(own)))
end

-- Another incarnation has, or had, this position in work, and may have sent: only it can say that nothing was.
local function is_of_another(own)
  return own and is_claim(own) and own.incarnation ~= INCARNATION
end

local function is_a_copy(user)
  local highest = our_highest_released(user)
  return highest and highest.number == NUMBER
end

-- 'charged': the charge stays, so the event must end as push_uncertain.
-- The number is recorded as released even without such a claim: its `reserve` may arrive later, and must claim nothing.
-- The entry comes first: a higher number may have been released while this claim was held.
local function release(user)
  local own = own_entry(user)
  if own and is_final(own) then return {'charged'} end
  local is_held = own and has_our_token(own)
  local answer = is_of_another(own) and {'charged'} or {'released'}
  if not is_held and is_a_copy(user) then return answer end
  if is_held then
    give_back(own.budgets or {})
    remove_own_entry(user)
  end
  remember_release(user)
  save_user(user)
  return answer
end

local user = load_user()
return user and release(user) or UNREADABLE
