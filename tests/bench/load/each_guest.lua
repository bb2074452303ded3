-- GET the path of the URL as one guest after another. The first argument names a file with an access token at the beginning of
-- each line. It is read during the load, because it can be larger than the memory of Lua. The second is the number of lines to skip.
dofile('report.lua')

local path, next_line
local headers = {}

function init(args)
  path = args[1]
  next_line = io.lines(path)
  for _ = 1, tonumber(args[2] or 0) do next_line() end
end

function request()
  local line = next_line()
  if not line then
    next_line = io.lines(path)
    line = next_line()
  end
  headers['Authorization'] = 'Bearer ' .. line:match('^%S+')
  return wrk.format('GET', nil, headers)
end
