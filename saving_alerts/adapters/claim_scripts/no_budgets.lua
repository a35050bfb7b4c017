-- In place of budgets.lua for a claim that counts for none: it costs nothing.

local function spent() end
local function take_budgets() end
local function give_back() end
