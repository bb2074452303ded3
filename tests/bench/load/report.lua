-- For wrk: what every load prints at its end, one line of JSON after the word `report`.

function done(summary, latency)
  local errors = summary.errors
  print(string.format(
    'report {"requests":%d,"micros":%d,"failed":%d,"p50":%d,"p99":%d}',
    summary.requests, summary.duration,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end

-- The lines of a file.
function lines_of(path)
  local lines = {}
  for line in io.lines(path) do lines[#lines + 1] = line end
  return lines
end
