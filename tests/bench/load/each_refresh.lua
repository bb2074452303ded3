-- Exchanges the refresh tokens of many sessions, each once. The first argument names a file with lines `ACCESS_TOKEN
-- REFRESH_TOKEN`, more than there can be requests; the second is the number of lines to skip.
dofile('report.lua')

local headers = { ['Content-Type'] = 'application/x-www-form-urlencoded' }
local next_line

function init(args)
  next_line = io.lines(args[1])
  for _ = 1, tonumber(args[2]) do next_line() end
end

function request()
  return wrk.format('POST', nil, headers, 'grant_type=refresh_token&refresh_token=' .. next_line():match(' (%S+)$'))
end
