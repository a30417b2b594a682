// The page at `/` of the admin listener: what this is and where to go. The console proper needs the
// admin token and lives behind the API.
#pragma once

#include <string_view>

namespace satgate::console {

inline constexpr std::string_view kPage = R"(<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>SatGate</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 40rem; margin: 4rem auto; padding: 0 1rem;
         color: #1c2024; background: #fcfcfd }
  code { background: #eef0f3; padding: .1em .3em; border-radius: 4px }
  @media (prefers-color-scheme: dark) {
    body { color: #e6e8ea; background: #111315 } code { background: #23272b } a { color: #7cc4ff }
  }
</style>
<h1>SatGate</h1>
<p>The economic firewall for AI agents. This is the admin listener.</p>
<ul>
  <li><a href="/api/v1/openapi.json">The admin API</a>, with the token from <code>admin.token</code>
      in the data directory</li>
  <li><a href="/metrics">Metrics</a> for Prometheus</li>
  <li><a href="/readyz">Readiness</a></li>
</ul>
<p>From a shell: <code>satgate status</code>, <code>satgate token list</code>,
   <code>satgate report spend --by agent</code>, <code>satgate audit tail</code>.</p>
</html>
)";

}  // namespace satgate::console
