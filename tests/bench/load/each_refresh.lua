-- Exchanges the refresh tokens of many sessions, each once. The first argument names a file with a refresh token at the end of each
-- line, more than there can be requests; the second is the number of lines to skip. `ACCESS_TOKEN REFRESH_TOKEN` of each response
-- is appended to the file that the third argument names, if there is one.
dofile('report.lua')

local headers = { ['Content-Type'] = 'application/x-www-form-urlencoded' }
local next_line, tokens

function init(args)
  next_line = io.lines(args[1])
  for _ = 1, tonumber(args[2]) do next_line() end
  tokens = args[3] and assert(io.open(args[3], 'a'))
end

function request()
  return wrk.format('POST', nil, headers, 'grant_type=refresh_token&refresh_token=' .. next_line():match('%S+$'))
end

function response(status, _, body)
  if status == 200 and tokens then append_tokens(tokens, body) end
end
