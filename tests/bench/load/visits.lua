-- The requests of many guests who use an app, one guest after another: of 1,000 requests, about 929 behind `Guest`, 48 additions to
-- a cart, 15 refreshes and 8 logins. For one guest, these are 4 requests a minute, a refresh and 3 additions in a quarter of an
-- hour, and one new guest for two that are there. The first argument names a file with lines `ACCESS_TOKEN REFRESH_TOKEN`; the
-- second is different in each run; the third is the number of lines to skip at first.
dofile('report.lua')

local JSON = 'application/json'
local path, run, next_line
local sent = 0
local successors, first, last = {}, 1, 0

function init(args)
  path, run = args[1], args[2]
  next_line = io.lines(path)
  for _ = 1, tonumber(args[3]) do next_line() end
end

local function tokens()
  local line = next_line()
  if not line then
    next_line = io.lines(path)
    line = next_line()
  end
  return line:match('^(%S+) (%S+)$')
end

local function key() return string.format('%s-%012d', run, sent) end

local function log_in()
  return wrk.format('POST', '/anonymous-login', { ['Content-Type'] = JSON, ['Idempotency-Key'] = key() }, '{"refresh":true}')
end

-- The sessions of this load's own logins are refreshed, so that each refresh token is used once.
local function refresh()
  if first > last then return log_in() end
  local token = successors[first]
  successors[first] = nil
  first = first + 1
  local headers = { ['Content-Type'] = 'application/x-www-form-urlencoded' }
  return wrk.format('POST', '/token', headers, 'grant_type=refresh_token&refresh_token=' .. token)
end

local function add_to_cart()
  local headers = { ['Authorization'] = 'Bearer ' .. tokens(), ['Content-Type'] = JSON, ['Idempotency-Key'] = key() }
  return wrk.format('POST', '/me/cart/' .. sent % 12 + 1, headers, '{"add":{"quantity":1}}')
end

function request()
  sent = sent + 1
  if sent % 125 == 1 then return log_in() end
  if sent % 66 == 2 then return refresh() end
  if sent % 21 == 3 then return add_to_cart() end
  return wrk.format('GET', '/guest', { ['Authorization'] = 'Bearer ' .. tokens() })
end

function response(status, _, body)
  local successor = status == 200 and body:match('"refresh_token":"([^"]+)"')
  if successor then
    last = last + 1
    successors[last] = successor
  end
end
