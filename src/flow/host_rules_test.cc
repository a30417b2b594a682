#include "flow/host_rules.h"

#include <gtest/gtest.h>

namespace satgate::flow {
namespace {

HostRules rules(std::string_view listen, std::vector<std::string> entries = {}) {
  HostRules made;
  made.bind(listen);
  for (std::string& entry : entries)
    made.list(std::move(entry));
  return made;
}

TEST(HostRules, TheLoopbackAnswersToItsOwnNamesWhateverThePort) {
  for (const char* listen : {"127.0.0.1:8000", "localhost:8000", "8000", "[::1]:8000"}) {
    const HostRules made = rules(listen);
    EXPECT_TRUE(made.on_loopback()) << listen;
    for (const char* host :
         {"127.0.0.1", "127.0.0.1:8000", "127.0.0.1:1", "127.1.2.3:8000", "localhost",
          "LOCALHOST:8000", "localhost.", "gateway.localhost:8000", "[::1]", "[::1]:8000",
          "host.docker.internal:8000", "host.containers.internal", ""}) {
      EXPECT_TRUE(made.answers_to(host)) << listen << " " << host;
    }
  }
}

TEST(HostRules, TheLoopbackAnswersToNoNameThatSomebodyCanOwn) {
  const HostRules made = rules("127.0.0.1:8000");
  for (const char* host :
       {"evil.example", "evil.example:8000", "127.evil.example", "127.0.0.1.evil.example",
        "localhost.evil.example", "notlocalhost", "xlocalhost:8000", "192.168.1.5", "0.0.0.0",
        "[::2]", "[::1", "host.docker.internal.evil.example", "127.0.0.1@evil.example"}) {
    EXPECT_FALSE(made.answers_to(host)) << host;
  }
}

TEST(HostRules, ElsewhereAnyNameIsGoodUntilSomeAreListed) {
  EXPECT_TRUE(rules("0.0.0.0:8000").answers_to("anything.example"));
  EXPECT_TRUE(rules(":8000").answers_to("anything.example"));
  HostRules with_url = rules("0.0.0.0:8000");
  with_url.add_public("gateway.example");
  EXPECT_TRUE(with_url.answers_to("anything.example"));
  const HostRules made = rules("10.0.0.5:8000", {"Gateway.example", "*.team.example", "[fd00::1]"});
  for (const char* host : {"gateway.example:443", "GATEWAY.EXAMPLE", "a.team.example", "[fd00::1]",
                           "10.0.0.5:8000", "localhost:8000", "127.0.0.1"}) {
    EXPECT_TRUE(made.answers_to(host)) << host;
  }
  for (const char* host : {"other.example", "team.example", "gateway.example.evil.example",
                           "10.0.0.6:8000", "host.docker.internal"}) {
    EXPECT_FALSE(made.answers_to(host)) << host;
  }
}

TEST(HostRules, AStarAnswersToAllAndNamesNobody) {
  const HostRules made = rules("127.0.0.1:8000", {"*"});
  EXPECT_TRUE(made.answers_to("anything.example"));
  EXPECT_FALSE(made.names("anything.example"));
  EXPECT_TRUE(rules("8000", {"gateway.example"}).names("Gateway.example."));
}

TEST(HostRules, EntriesAreNamesWithoutPorts) {
  for (const char* entry :
       {"gateway.example", "*.example", "*", "10.0.0.5", "[fd00::1]", "fd00::1"}) {
    EXPECT_TRUE(HostRules::is_entry(entry)) << entry;
  }
  for (const char* entry :
       {"", "gateway.example:80", "https://gateway.example", "a/b", "a b", "[fd00::1]:80"}) {
    EXPECT_FALSE(HostRules::is_entry(entry)) << entry;
  }
}

}  // namespace
}  // namespace satgate::flow
