-- Shared by the scripts that look for a slot or write one: when the slot of this call's event is, by the times of events alone.
-- `times` of what they are told, where the rules gather: `at` of the event, `within`, and `members`, in their order: of all that
-- were gathered, the event among them, when each was received, and until when a gathering with it can last.

local function is_in_slot_of_another(user, at)
  for _, entry in ipairs(user.entries) do
    local has_times = entry.slot_began and not is_own(entry)
    if has_times and entry.slot_began <= at and at < entry.slot_ends then return true end
  end
  return false
end

-- From when to when. A slot begins with the first member that lies in no slot before it: what lies in one that is charged has begun
-- none. Nothing where nothing is gathered.
local function own_slot(user, times)
  local began, ends = nil, nil
  for _, member in ipairs(times and times.members or {}) do
    local at = member[1]
    if began and at > times.at and at >= ends then return began, ends end
    if at == times.at or not is_in_slot_of_another(user, at) then
      if not began or at >= ends then began, ends = at, at + times.within end
      ends = math.min(ends, member[2])
    end
  end
  return began, ends
end

-- `value` with the slot of an entry, or of none, and of this call. Of two times the one that began first: who gathered it knew of
-- more.
local function with_slot(user, value, entry)
  local told = told_slot()
  local began, ends = own_slot(user, told.times)
  if entry and entry.slot_began and not (began and began < entry.slot_began) then
    began, ends = entry.slot_began, entry.slot_ends
  end
  value.slot, value.slot_tokens = joined(entry, told.others)
  value.slot_began, value.slot_ends = began, ends
  return value
end
