#include "dialect/stored_id.h"

#include <gtest/gtest.h>

#include <string>

namespace satgate::dialect {
namespace {

TEST(StoredId, OfAResponse) {
  const auto id = [](std::string_view method, std::string_view path) {
    return stored_id(Protocol::openai, method, path);
  };
  EXPECT_EQ(id("GET", "/v1/responses/resp_1"), "resp_1");
  EXPECT_EQ(id("GET", "/v1/responses/resp_1/input_items"), "resp_1");
  EXPECT_EQ(id("POST", "/v1/responses/resp_1/cancel"), "resp_1");
  EXPECT_EQ(id("DELETE", "/v1/responses/resp_1"), "resp_1");
  for (const std::string_view path :
       {"/v1/responses", "/v1/responses/", "/v1/responses/resp_1/", "/v1/responses/resp_1/output",
        "/v1/responses/resp_1/cancel", "/v1/responses/resp_1/results", "/v1/responses/a%2Fb",
        "/v1/responses/a;b", "/v1/responses/.a", "/v1/responses/resp_1/input_items/x",
        "/v1/responses//input_items", "/v1/chat/completions", "/x/v1/responses/resp_1"}) {
    EXPECT_EQ(id("GET", path), "") << path;
  }
  EXPECT_EQ(id("POST", "/v1/responses/resp_1"), "");
  EXPECT_EQ(id("DELETE", "/v1/responses/resp_1/cancel"), "");
  EXPECT_EQ(id("DELETE", "/v1/responses/resp_1/input_items"), "");
  EXPECT_EQ(id("PUT", "/v1/responses/resp_1"), "");
}

TEST(StoredId, OfABatch) {
  const auto id = [](std::string_view method, std::string_view path) {
    return stored_id(Protocol::anthropic, method, path);
  };
  EXPECT_EQ(id("GET", "/v1/messages/batches/msgbatch_1"), "msgbatch_1");
  EXPECT_EQ(id("GET", "/v1/messages/batches/msgbatch_1/results"), "msgbatch_1");
  EXPECT_EQ(id("POST", "/v1/messages/batches/msgbatch_1/cancel"), "msgbatch_1");
  EXPECT_EQ(id("DELETE", "/v1/messages/batches/msgbatch_1"), "msgbatch_1");
  EXPECT_EQ(id("GET", "/v1/messages/batches/msgbatch_1/input_items"), "");
  EXPECT_EQ(id("GET", "/v1/responses/resp_1"), "");
}

TEST(StoredId, IsOneSegmentOfAPath) {
  for (const std::string& good :
       {std::string("resp_68a0"), std::string("a-b.c="), std::string(512, 'x')})
    EXPECT_TRUE(is_stored_id(good)) << good;
  for (const std::string& bad :
       {std::string(), std::string("."), std::string(".."), std::string("a/b"), std::string("a?b"),
        std::string("a%41"), std::string("a b"), std::string("a\n"), std::string(513, 'x')})
    EXPECT_FALSE(is_stored_id(bad)) << bad;
}

}  // namespace
}  // namespace satgate::dialect
