#include "wire/url.h"

#include <gtest/gtest.h>

namespace satgate::wire {
namespace {

std::string show(std::string_view text) {
  const auto url = parse_url(text);
  if (!url) return "refused";
  return std::string(url->tls ? "tls " : "plain ") + url->host + " " + std::to_string(url->port) +
         " '" + url->base_path + "' " + url->authority();
}

TEST(Url, Table) {
  const std::pair<std::string_view, std::string_view> rows[] = {
      {"http://localhost", "plain localhost 80 '' localhost"},
      {"https://API.openai.com/v1", "tls api.openai.com 443 '/v1' api.openai.com"},
      {"HTTPS://a.b:8443/v1/", "tls a.b 8443 '/v1' a.b:8443"},
      {"http://127.0.0.1:8080/", "plain 127.0.0.1 8080 '' 127.0.0.1:8080"},
      {"http://[::1]:8080/x", "plain ::1 8080 '/x' [::1]:8080"},
      {"https://[FE80::1]", "tls fe80::1 443 '' [fe80::1]"},
      {"http://my_host:443", "plain my_host 443 '' my_host:443"},
      {"https://a:443", "tls a 443 '' a"},
      {"", "refused"},
      {"localhost:8080", "refused"},
      {"ftp://a", "refused"},
      {"httpss://a", "refused"},
      {"http:/a", "refused"},
      {"http://", "refused"},
      {"http:///x", "refused"},
      {"http://user@a", "refused"},
      {"http://user:pass@a/", "refused"},
      {"http://a?x", "refused"},
      {"http://a/#x", "refused"},
      {"http://a:0", "refused"},
      {"http://a:65536", "refused"},
      {"http://a:", "refused"},
      {"http://a:8x", "refused"},
      {"http://a:000080", "refused"},
      {"http://a b", "refused"},
      {" http://a", "refused"},
      {"http://a\\b", "refused"},
      {"http://a%2eb", "refused"},
      {"http://[::1", "refused"},
      {"http://::1", "refused"},
      {"http://[::1]8080", "refused"},
      {"http://[abcd]", "refused"},
      {"http://[fe80::1%25eth0]", "refused"},
      {"http://a/x/../y", "refused"},
      {"http://a//", "refused"},
      {"http://a/x\r\nHost: b", "refused"},
  };
  for (const auto& [text, expected] : rows)
    EXPECT_EQ(show(text), expected) << text;
}

std::string normal(std::string_view path) {
  std::string scratch;
  const auto result = normalise_path(path, scratch);
  if (result) return std::string(*result);
  switch (result.error()) {
    case PathError::not_absolute:
      return "not_absolute";
    case PathError::bad_byte:
      return "bad_byte";
    case PathError::bad_escape:
      return "bad_escape";
    case PathError::encoded_ambiguity:
      return "encoded_ambiguity";
    case PathError::dot_segment:
      return "dot_segment";
    case PathError::empty_segment:
      return "empty_segment";
  }
  return "?";
}

TEST(NormalisePath, Table) {
  const std::pair<std::string_view, std::string_view> rows[] = {
      {"/", "/"},
      {"/a/b", "/a/b"},
      {"/a/b/", "/a/b/"},
      {"/%61dmin", "/admin"},
      {"/%7Euser/%2Dx", "/~user/-x"},
      {"/a%20b%c3%a4", "/a%20b%C3%A4"},
      {"/a;v=1/b", "/a;v=1/b"},
      {"/a%3Bv", "/a%3Bv"},
      {"/%2561dmin", "/%2561dmin"},
      {"/a:b@c", "/a:b@c"},
      {"/...", "/..."},
      {"/.well-known/x", "/.well-known/x"},
      {"/a..b", "/a..b"},
      {"", "not_absolute"},
      {"a/b", "not_absolute"},
      {"*", "not_absolute"},
      {"//", "empty_segment"},
      {"//a", "empty_segment"},
      {"/a//b", "empty_segment"},
      {"/a/.", "dot_segment"},
      {"/./a", "dot_segment"},
      {"/a/../b", "dot_segment"},
      {"/..", "dot_segment"},
      {"/%2e%2E/a", "dot_segment"},
      {"/a/.%2e", "dot_segment"},
      {"/a/..;/b", "dot_segment"},
      {"/a/..;x=1/b", "dot_segment"},
      {"/a/..%3b/b", "dot_segment"},
      {"/a%2fb", "encoded_ambiguity"},
      {"/a%2Fb", "encoded_ambiguity"},
      {"/a%5cb", "encoded_ambiguity"},
      {"/a%00b", "encoded_ambiguity"},
      {"/a%0d%0ab", "encoded_ambiguity"},
      {"/a%7f", "encoded_ambiguity"},
      {"/a%", "bad_escape"},
      {"/a%2", "bad_escape"},
      {"/a%zz", "bad_escape"},
      {"/a%-1", "bad_escape"},
      {"/a\\b", "bad_byte"},
      {"/a b", "bad_byte"},
      {"/a?b", "bad_byte"},
      {"/a#b", "bad_byte"},
      {"/\xc3\xa4", "bad_byte"},
      {std::string_view("/a\0b", 4), "bad_byte"},
  };
  for (const auto& [path, expected] : rows) {
    EXPECT_EQ(normal(path), expected) << path;
    if (!expected.starts_with('/')) continue;
    EXPECT_EQ(normal(expected), expected) << "not idempotent";
  }
}

TEST(NormalisePath, CanonicalPathIsNotCopied) {
  std::string scratch;
  const std::string_view path = "/v1/chat/completions";
  EXPECT_EQ(normalise_path(path, scratch)->data(), path.data());
}

std::string pairs(std::string_view query) {
  QueryPairs walk(query);
  std::string out;
  std::string_view name;
  std::string_view value;
  while (walk.next(name, value))
    out += "[" + std::string(name) + "=" + std::string(value) + "]";
  return out + (walk.is_malformed() ? "malformed" : "");
}

TEST(QueryPairs, Table) {
  const std::pair<std::string_view, std::string_view> rows[] = {
      {"", ""},
      {"a=1&b=2", "[a=1][b=2]"},
      {"a&b=&=c", "[a=][b=][=c]"},
      {"&&a=1&", "[a=1]"},
      {"a=b=c", "[a=b=c]"},
      {"a+b=c+d&%61=%3D%26%2B", "[a b=c d][a==&+]"},
      {"a=1&a=2", "[a=1][a=2]"},
      {"a=%2", "malformed"},
      {"a=1&b=%zz&c=3", "[a=1]malformed"},
      {"a=%00", "malformed"},
      {"%=1", "malformed"},
  };
  for (const auto& [query, expected] : rows)
    EXPECT_EQ(pairs(query), expected) << query;
}

}  // namespace
}  // namespace satgate::wire
