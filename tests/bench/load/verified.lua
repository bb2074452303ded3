-- GET the path of the URL with one access token after another, from the file that the first argument names.
dofile('report.lua')

local requests = {}
local sent = 0

function init(args)
  for number, token in ipairs(lines_of(args[1])) do
    requests[number] = wrk.format('GET', nil, { ['Authorization'] = 'Bearer ' .. token })
  end
end

function request()
  sent = sent % #requests + 1
  return requests[sent]
end
