-- The login of the SDK: asks for a refresh token, under an idempotency key that no other request has.
dofile('report.lua')

local headers = { ['Content-Type'] = 'application/json' }
local run
local sent = 0

function init(args)
  run = args[1]
end

function request()
  sent = sent + 1
  headers['Idempotency-Key'] = string.format('%s-%012d', run, sent)
  return wrk.format('POST', nil, headers, '{"refresh":true}')
end
