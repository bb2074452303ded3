-- For wrk: what every load prints at its end, one line of JSON after the word `report`.

function done(summary, latency)
  local errors = summary.errors
  print(string.format(
    'report {"requests":%d,"micros":%d,"failed":%d,"p50":%d,"p99":%d,"p999":%d}',
    summary.requests, summary.duration,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end

-- The lines of a file.
function lines_of(path)
  local lines = {}
  for line in io.lines(path) do lines[#lines + 1] = line end
  return lines
end

-- BENCH_PAUSE: the mean of the pauses in milliseconds that each connection makes after a response. Without it, there is none.
local pause = tonumber(os.getenv('BENCH_PAUSE'))
if pause then
  -- Called by wrk. A whole number, at random, so that the connections do not send at the same moment.
  function delay() return math.random(0, math.floor(2 * pause)) end
end

-- Appends `ACCESS_TOKEN REFRESH_TOKEN` of a response to a file.
function append_tokens(file, body)
  file:write(body:match('"access_token":"([^"]+)"'), ' ', body:match('"refresh_token":"([^"]+)"'), '\n')
end
