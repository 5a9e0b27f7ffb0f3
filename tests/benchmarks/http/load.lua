-- POSTs the lines of a file, one a request, in turn; all requests are made ready beforehand.
-- wrk ... -- FILE PATH rotate|once|twice
-- "once" and "twice" stop when each line was answered that often, and then say so.

local requests, count, index = {}, 0, 0
local started, answered, times = nil, 0, { once = 1, twice = 2 }

local function now_s()
  local ffi = require("ffi")
  ffi.cdef("typedef struct { long s; long ns; } clock; int clock_gettime(int id, clock *at);")
  local at = ffi.new("clock")
  ffi.C.clock_gettime(1, at) -- CLOCK_MONOTONIC
  return tonumber(at.s) + tonumber(at.ns) / 1e9
end

function init(args)
  local headers = wrk.headers -- those given by -H
  headers["Content-Type"] = "application/json"
  for line in io.lines(args[1]) do
    count = count + 1
    requests[count] = wrk.format("POST", args[2], headers, line)
  end
  index = count - 1 -- wrk makes one request to look at it, and never sends that
  times = times[args[3]]
  if times then
    request, response = request_counted, response_counted
  end
end

function request()
  index = index + 1
  if index > count then index = 1 end
  return requests[index]
end

local rotate = request

function request_counted()
  if not started then started = now_s() end
  return rotate()
end

function response_counted(status)
  answered = answered + 1
  if status ~= 200 then
    io.write(string.format('{"status": %d}\n', status))
  end
  if answered == count * times then
    io.write(string.format('{"requests": %d, "duration_s": %.6f}\n', answered, now_s() - started))
    io.flush()
    wrk.thread:stop()
  end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "duration_s": %.6f, "bytes": %d, "errors": %d, "p50_ms": %.3f, "p99_ms": %.3f}\n',
    summary.requests, summary.duration / 1e6, summary.bytes,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
