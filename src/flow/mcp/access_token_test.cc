#include "flow/mcp/access_token.h"

#include <gtest/gtest.h>

#include "flow/mcp/hub_test_support.h"
#include "net/test_support.h"

namespace satgate::flow::mcp {
namespace {

using testing::milliseconds;
using testing::start_on;

// Gives a new token for each request, after a while.
class TokenEndpoint final : public net::Handler {
 public:
  net::Task<> handle(net::ServerExchange& http) override {
    const int number = ++requests;
    co_await net::sleep(http.loop(), pause);
    http.response(status);
    const std::string lifetime = seconds == 0 ? "" : ",\"expires_in\":" + std::to_string(seconds);
    const std::string body =
        R"({"access_token":"t)" + std::to_string(number) + "\"" + lifetime + "}";
    co_await http.send(body);
  }

  std::atomic<int> requests{0};
  std::atomic<int> status{200};
  std::atomic<int> seconds{0};  // 0: it does not say
  std::atomic<milliseconds> pause{milliseconds(50)};
};

class AccessTokensTest : public ::testing::Test {
 protected:
  AccessTokensTest() : server_(endpoint_), pool_(std::make_shared<net::UpstreamPool>(loop_)) {
    OAuthClient client;
    client.token_url = "http://127.0.0.1:" + std::to_string(server_.port) + "/token";
    client.client_id = "me";
    client.client_secret = "hunter2";
    tokens_ = *AccessTokens::make(loop_, client, milliseconds(300), pool_);
    loop_.start();
  }
  ~AccessTokensTest() override {
    loop_.stop();
    loop_.join();
    tokens_.reset();
    pool_.reset();
  }
  std::future<Result<std::string>> begin() { return start_on(loop_, tokens_->get(nullptr)); }
  std::string get() {
    const auto got = begin().get();
    return got ? *got : got.error().message;
  }
  static net::Task<bool> refuse_there(std::shared_ptr<AccessTokens> tokens, std::string token) {
    co_return tokens->refuse(token);
  }
  bool refuse(std::string token) {
    return start_on(loop_, refuse_there(tokens_, std::move(token))).get();
  }

  TokenEndpoint endpoint_;
  net::testing::ServerThread server_;
  net::Loop loop_;
  std::shared_ptr<net::UpstreamPool> pool_;
  std::shared_ptr<AccessTokens> tokens_;
};

TEST_F(AccessTokensTest, ManyWhoWaitShareOneRequest) {
  std::vector<std::future<Result<std::string>>> waiting;
  for (int i = 0; i < 50; ++i)
    waiting.push_back(begin());
  for (auto& one : waiting)
    EXPECT_EQ(one.get().value_or("none"), "t1");
  EXPECT_EQ(get(), "t1");
  EXPECT_EQ(endpoint_.requests, 1);
}

TEST_F(AccessTokensTest, OneThatIsRefusedIsRenewedButNotAtOnce) {
  EXPECT_EQ(get(), "t1");
  EXPECT_FALSE(refuse("t1"));  // a new one: another would be refused, too
  EXPECT_EQ(get(), "t1");
  std::this_thread::sleep_for(milliseconds(1'050));
  EXPECT_TRUE(refuse("t1"));
  EXPECT_TRUE(refuse("t1"));  // by another call, which used it, too
  EXPECT_EQ(get(), "t2");
  EXPECT_TRUE(refuse("t1"));  // late: t2 is there already
  EXPECT_EQ(get(), "t2");
  EXPECT_EQ(endpoint_.requests, 2);
}

// With 2 s to live it is renewed after 1.5 s, and used until 1.875 s.
TEST_F(AccessTokensTest, NobodyWaitsForTheNextOneWhileThisOneIsGood) {
  endpoint_.seconds = 2;
  EXPECT_EQ(get(), "t1");
  endpoint_.pause = milliseconds(250);
  std::this_thread::sleep_for(milliseconds(1'550));
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(get(), "t1");
  EXPECT_LT(std::chrono::steady_clock::now() - begun, milliseconds(150));
  std::this_thread::sleep_for(milliseconds(400));
  EXPECT_EQ(get(), "t2");
  EXPECT_EQ(endpoint_.requests, 2);
}

TEST_F(AccessTokensTest, OneThatHasExpiredIsNotUsedThoughThereIsNoOther) {
  endpoint_.seconds = 1;
  EXPECT_EQ(get(), "t1");
  endpoint_.status = 500;
  std::this_thread::sleep_for(milliseconds(1'000));
  EXPECT_NE(get().find("HTTP 500"), std::string::npos);
}

TEST_F(AccessTokensTest, AFailureIsToldWithoutTheSecretAndNotRepeatedAtOnce) {
  endpoint_.status = 500;
  const std::string why = get();
  EXPECT_NE(why.find("/token: it answered HTTP 500"), std::string::npos) << why;
  EXPECT_EQ(why.find("hunter2"), std::string::npos);
  EXPECT_EQ(get(), why);
  EXPECT_EQ(endpoint_.requests, 1);
}

TEST_F(AccessTokensTest, ASlowAnswerIsGivenUp) {
  endpoint_.pause = milliseconds(2'000);
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_NE(get().find("it did not answer within 300 ms"), std::string::npos);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, milliseconds(1'000));
}

Result<TokenAnswer> read(std::string text) {
  dialect::mcp::RawJson json;
  return read_token_answer(text, json);
}

TEST(TokenAnswer, IsReadAsItsWritersMeanIt) {
  const auto usual = read(R"({"access_token":"a.b-c","token_type":"bearer","expires_in":3600})");
  ASSERT_TRUE(usual);
  EXPECT_EQ(usual->token, "a.b-c");
  EXPECT_EQ(usual->lifetime, std::chrono::seconds(3600));
  EXPECT_EQ(read(R"({"access_token":"a","expires_in":"60"})")->lifetime, std::chrono::seconds(60));
  EXPECT_EQ(read(R"({"access_token":"a","expires_in":2.9})")->lifetime, std::chrono::seconds(2));
  EXPECT_EQ(read(R"({"access_token":"a","expires_in":99999999999999})")->lifetime,
            std::chrono::seconds(86400));
  EXPECT_FALSE(read(R"({"access_token":"a"})")->lifetime);
  EXPECT_FALSE(read(R"({"access_token":"a","expires_in":null,"x":{"access_token":1}})")->lifetime);
}

TEST(TokenAnswer, OneThatLiesIsNoToken) {
  for (const char* text :
       {"", "<html>", "[]", "{}", R"({"access_token":""})", R"({"access_token":7})",
        R"({"access_token":null})", R"({"access_token":"a b"})", R"({"access_token":"a\r\nx: y"})",
        R"({"access_token":"a","token_type":"mac"})", R"({"access_token":"a","token_type":1})",
        R"({"access_token":"a","expires_in":"soon"})", R"({"access_token":"a","expires_in":-5})",
        R"({"access_token":"a","expires_in":0})", R"({"access_token":"a","expires_in":{}})",
        R"({"access_token":"a")"}) {
    EXPECT_FALSE(read(text)) << text;
  }
  EXPECT_FALSE(read(R"({"access_token":")" + std::string(17'000, 'a') + R"("})"));
}

// Whatever else stands there could be what we have sent.
TEST(TokenAnswer, OnlyKnownErrorsAreRepeated) {
  dialect::mcp::RawJson json;
  EXPECT_EQ(token_error(R"({"error":"invalid_client","error_description":"hunter2"})", json),
            " (invalid_client); check clientId, clientSecret and authMethod");
  EXPECT_EQ(token_error(R"({"error":"invalid_grant"})", json), " (invalid_grant)");
  for (const char* text : {R"({"error":"hunter2"})", R"({"error":7})", "{}", "hunter2", ""}) {
    EXPECT_EQ(token_error(text, json), "") << text;
  }
}

}  // namespace
}  // namespace satgate::flow::mcp
