-- Exchanges refresh tokens, first those from the file that the first argument names, then their successors, each once.
dofile('report.lua')

local headers = { ['Content-Type'] = 'application/x-www-form-urlencoded' }
local tokens = {}
local first, last = 1, 0

local function add(token)
  last = last + 1
  tokens[last] = token
end

function init(args)
  for _, token in ipairs(lines_of(args[1])) do add(token) end
end

function request()
  local token = tokens[first]
  tokens[first] = nil
  first = first + 1
  return wrk.format('POST', nil, headers, 'grant_type=refresh_token&refresh_token=' .. token)
end

function response(status, _, body)
  if status == 200 then add(body:match('"refresh_token":"([^"]+)"')) end
end
