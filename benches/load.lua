-- For wrk: `-s load.lua URL [-- FIRST SUFFIX]`.
-- With FIRST, every request asks for the next number: URL .. FIRST .. SUFFIX, URL .. FIRST + 1 .. SUFFIX, and so on
-- (one thread only). The last line printed is "rate median_ms p99_ms failed requests".

function init(arguments)
    local number, suffix = tonumber(arguments[1]), arguments[2] or ""
    if number == nil then return end
    local base = wrk.path
    function request()
        local path = base .. number .. suffix
        number = number + 1
        return wrk.format("GET", path)
    end
end

function done(summary, latency)
    local errors = summary.errors
    local failed = errors.status + errors.connect + errors.read + errors.write + errors.timeout
    local rate = summary.requests / (summary.duration / 1e6)
    io.write(string.format("%.1f %.2f %.2f %d %d\n", rate, latency:percentile(50) / 1e3,
        latency:percentile(99) / 1e3, failed, summary.requests))
end
