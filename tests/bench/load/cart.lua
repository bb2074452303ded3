-- Adds 1 to the quantity of an entry of the cart, under an idempotency key that no other request has. The first argument names a
-- file with access tokens, which take turns; the second is different in each run.
dofile('report.lua')

local headers = { ['Content-Type'] = 'application/json' }
local tokens, run
local sent = 0

function init(args)
  tokens, run = lines_of(args[1]), args[2]
end

function request()
  sent = sent + 1
  headers['Authorization'] = 'Bearer ' .. tokens[sent % #tokens + 1]
  headers['Idempotency-Key'] = string.format('%s-%012d', run, sent)
  return wrk.format('POST', '/me/cart/' .. sent % 12 + 1, headers, '{"add":{"quantity":1}}')
end
