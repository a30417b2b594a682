// A definition is offered when it is what was accepted, and only then.
#include "store/definition_book.h"

#include <gtest/gtest.h>

#include "store/sqlite/schema.h"
#include "store/store_test_support.h"

namespace satgate::store {
namespace {

using Accepted = DefinitionBook::Accepted;
using Names = DefinitionBook::Names;

class Definitions : public testing::Test {
 protected:
  Definitions() { open(); }

  void open() {
    book_.reset();
    shared_.reset();
    shared_ = open_database(dir_);
    book_ = DefinitionBook::open(*shared_).value();
  }
  // At first sight everything is accepted.
  Names offer(std::vector<ToolDefinition> tools, const std::string& server = "s") {
    return book_->offer(server, std::move(tools), [this](const std::string& name, size_t count) {
      seen_.push_back(name + " " + std::to_string(count));
      return is_recorded_;
    });
  }
  Names review(std::vector<ToolDefinition> tools) {
    return book_->offer("s", std::move(tools), nullptr);
  }

  std::vector<std::string> seen_;
  bool is_recorded_ = true;

  TempDir dir_;
  std::unique_ptr<SharedDatabase> shared_;
  std::unique_ptr<DefinitionBook> book_;
};

TEST_F(Definitions, WhatIsSeenFirstIsAcceptedAndAChangeIsNot) {
  EXPECT_EQ(offer({}), Names());
  EXPECT_EQ(offer({{"a", "1"}, {"b", "1"}}), Names()) << "a server without tools was not seen yet";
  EXPECT_EQ(offer({{"a", "2"}, {"b", "1"}, {"c", "1"}}), (Names{"a", "c"}));
  open();
  EXPECT_TRUE(book_->held().empty()) << "nobody has offered anything";
  EXPECT_EQ(offer({{"a", "2"}, {"b", "1"}}), Names{"a"});
  EXPECT_EQ(offer({{"a", "1"}}), Names());
  EXPECT_EQ(offer({{"a", "2"}}, "other"), Names());
}

TEST_F(Definitions, WhatIsTakenOnTrustIsToldOnceAndElseHeldBack) {
  is_recorded_ = false;
  EXPECT_EQ(offer({{"a", "1"}, {"b", "1"}}), (Names{"a", "b"})) << "it could not be recorded";
  is_recorded_ = true;
  offer({{"a", "1"}, {"b", "1"}});
  offer({{"a", "2"}});
  EXPECT_EQ(seen_, (std::vector<std::string>{"s 2", "s 2"}));
}

TEST_F(Definitions, ReviewedIsAcceptedOneByOne) {
  EXPECT_EQ(review({{"a", "1"}, {"b", "1"}}), (Names{"a", "b"}));
  const auto held = book_->held();
  ASSERT_EQ(held.size(), 2U);
  EXPECT_EQ(held[0].accepted, "");
  EXPECT_EQ(book_->accept(held[0].id), Accepted::yes);
  EXPECT_EQ(review({{"a", "1"}, {"b", "1"}}), Names{"b"});
  open();
  EXPECT_EQ(offer({{"a", "1"}, {"b", "1"}}), Names{"b"}) << "it is known by now";
}

TEST_F(Definitions, AnIdIsGoodForOneTextOnly) {
  offer({{"a", "1"}});
  offer({{"a", "2"}});
  const std::string second = book_->held().front().id;
  EXPECT_EQ(book_->held().front().accepted, "1");
  offer({{"a", "3"}});
  EXPECT_EQ(book_->accept(second), Accepted::gone);
  EXPECT_EQ(book_->find(second), std::nullopt);
  const std::string third = book_->held().front().id;
  EXPECT_EQ(book_->accept(third), Accepted::yes);
  EXPECT_EQ(book_->accept(third), Accepted::gone) << "it does not wait any more";
  EXPECT_EQ(offer({{"a", "2"}}), Names{"a"}) << "what was accepted before is a change, too";
}

TEST_F(Definitions, OfServersThatAreGoneNothingWaits) {
  review({{"a", "1"}});
  book_->forget_others({"other"});
  EXPECT_TRUE(book_->held().empty());
}

TEST_F(Definitions, WhatCanNotBeWrittenIsHeldBack) {
  ASSERT_TRUE(shared_->database.execute("DROP TABLE tool_definitions"));
  EXPECT_EQ(offer({{"a", "1"}}), Names{"a"});
  EXPECT_EQ(book_->accept(book_->held().front().id), Accepted::failed);
  EXPECT_EQ(book_->held().size(), 1U);
}

}  // namespace
}  // namespace satgate::store
