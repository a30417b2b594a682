// Plays tests/cases/*.case. Every conversation is run whole, byte by byte and cut in two at every
// position: the verdict must be the one in the file each time (a parser that depends on packet
// borders can be made to see another message than its peer).
//
// A file is a list of cases; '#' starts a comment line:
//   case NAME
//   request | response | response_to_head
//   > bytes, with \r \n \t \\ \xNN; lines are joined without anything between them
//   = the verdict, as test_verdict.h prints it
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "base/text.h"
#include "wire/test_verdict.h"

namespace satgate::wire::test {
namespace {

struct Case {
  std::string name;
  Kind kind = Kind::request;
  std::string bytes;
  std::string verdict;
};

std::string unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    const char code = text[++i];
    if (code == 'x' && i + 2 < text.size()) {
      const auto byte = from_hex(text.substr(i + 1, 2));
      EXPECT_TRUE(byte) << text;
      out += byte.value_or("?");
      i += 2;
    } else {
      out += code == 'r' ? '\r' : code == 'n' ? '\n' : code == 't' ? '\t' : code;
    }
  }
  return out;
}

std::vector<Case> read_cases(const std::filesystem::path& file) {
  std::vector<Case> cases;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line.front() == '#') continue;
    if (line.starts_with("case ")) {
      cases.push_back(Case{file.stem().string() + "/" + line.substr(5), Kind::request, {}, {}});
      continue;
    }
    if (cases.empty()) {
      ADD_FAILURE() << file << ": a line comes before the first case: " << line;
      return cases;
    }
    Case& last = cases.back();
    if (line.starts_with("> ")) {
      last.bytes += unescape(std::string_view(line).substr(2));
    } else if (line.starts_with("= ")) {
      last.verdict = line.substr(2);
    } else if (line == "response") {
      last.kind = Kind::response;
    } else if (line == "response_to_head") {
      last.kind = Kind::response_to_head;
    } else if (line != "request") {
      ADD_FAILURE() << file << ": not understood: " << line;
    }
  }
  return cases;
}

std::vector<Case> all_cases() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::string(SATGATE_SOURCE_DIR) + "/tests/cases")) {
    if (entry.path().extension() == ".case") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  std::vector<Case> cases;
  for (const auto& file : files)
    std::ranges::move(read_cases(file), std::back_inserter(cases));
  return cases;
}

TEST(Conversations, VerdictIsTheSameHoweverTheBytesArrive) {
  for (const Case& c : all_cases()) {
    SCOPED_TRACE(c.name);
    ASSERT_FALSE(c.verdict.empty());
    EXPECT_EQ(c.verdict, converse(c.kind, c.bytes).verdict(c.bytes));
    std::vector<size_t> every;
    for (size_t cut = 1; cut < c.bytes.size(); ++cut) {
      every.push_back(cut);
      EXPECT_EQ(c.verdict, converse(c.kind, c.bytes, {cut}).verdict(c.bytes)) << "cut at " << cut;
    }
    EXPECT_EQ(c.verdict, converse(c.kind, c.bytes, every).verdict(c.bytes)) << "byte by byte";
  }
}

TEST(Conversations, NamesAreUniqueAndThereAreManyOfThem) {
  std::set<std::string> names;
  for (const Case& c : all_cases())
    EXPECT_TRUE(names.insert(c.name).second) << c.name;
  EXPECT_GE(names.size(), 100U);
}

}  // namespace
}  // namespace satgate::wire::test
