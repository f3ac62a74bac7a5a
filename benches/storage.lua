-- For wrk: `-s storage.lua URL -- KEY FIRST BYTES`, one thread. Every request uploads the same bytes under another name:
-- URL .. FIRST, URL .. FIRST + 1, and so on. The last line printed is "rate median_ms p99_ms failed requests".

function init(arguments)
    local key, number, size = arguments[1], tonumber(arguments[2]), tonumber(arguments[3])
    local base = wrk.path
    -- Nothing that a file system or a disk could shorten.
    local parts = {}
    math.randomseed(7)
    for i = 1, 4096 do parts[i] = string.char(math.random(0, 255)) end
    local body = string.rep(table.concat(parts), math.ceil(size / 4096)):sub(1, size)
    local headers = { ["authorization"] = "Bearer " .. key, ["content-type"] = "application/octet-stream" }
    function request()
        local path = base .. number
        number = number + 1
        return wrk.format("POST", path, headers, body)
    end
end

function done(summary, latency)
    local errors = summary.errors
    local failed = errors.status + errors.connect + errors.read + errors.write + errors.timeout
    local rate = summary.requests / (summary.duration / 1e6)
    io.write(string.format("%.1f %.2f %.2f %d %d\n", rate, latency:percentile(50) / 1e3,
        latency:percentile(99) / 1e3, failed, summary.requests))
end
