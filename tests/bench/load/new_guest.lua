-- Logs in as the SDK does, each guest from an address of its own, and appends `ACCESS_TOKEN REFRESH_TOKEN` to the file that the
-- first argument names. The second argument is different in each run.
dofile('report.lua')

local headers = { ['Content-Type'] = 'application/json' }
local tokens, run
local sent = 0

function init(args)
  tokens, run = assert(io.open(args[1], 'a')), args[2]
  math.randomseed(os.time())
end

function request()
  sent = sent + 1
  headers['Idempotency-Key'] = string.format('%s-%012d', run, sent)
  headers['X-Forwarded-For'] = string.format('100.%d.%d.%d', math.random(64, 127), math.random(0, 255), math.random(1, 254))
  return wrk.format('POST', nil, headers, '{"refresh":true}')
end

function response(status, _, body)
  if status == 200 then append_tokens(tokens, body) end
end
