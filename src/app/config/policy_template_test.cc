// Templates: what is wrong is refused with file, line and key; what is right comes to exactly the
// settings that somebody could have written by hand.
#include "app/config/policy_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "app/config/config.h"
#include "app/config/policy_edit.h"

namespace satgate::app {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

using Files = std::map<std::string, std::string>;

Sources sources_of(const Files& files) {
  Sources sources;
  sources.environment = [](std::string_view name) -> std::optional<std::string> {
    if (name == "DAILY") return "33";
    if (name == "TRICK") return "${DAILY}";
    return std::nullopt;
  };
  sources.read_file = [files](const std::string& path) -> Result<std::string> {
    const auto found = files.find(path);
    if (found == files.end()) return fail("cannot read the file '" + path + "'");
    return found->second;
  };
  return sources;
}

// What `policies.a` comes to, or what is said about it.
std::string policy_of(const std::string& entry, const Files& files) {
  const ConfigResult result = parse_config(
      "upstreams: {u: {url: 'http://x'}}\npolicies:\n  a: " + entry + "\n", sources_of(files));
  std::string said;
  for (const std::string& error : result.errors)
    said += error + "\n";
  if (!said.empty()) return said;
  return result.settings ? "good" : "nothing";
}

std::string head(const std::string& reference) {
  const size_t at = reference.find('@');
  return "name: " + reference.substr(0, at) + "\nversion: " + reference.substr(at + 1) + "\n";
}

struct Mistake {
  std::string_view what;
  std::string entry;
  Files files;  // by reference; what follows name and version
  std::vector<std::string> said;
};

class TemplateMistakes : public testing::TestWithParam<Mistake> {};

TEST_P(TemplateMistakes, AreNamedWithFileLineKeyAndRemedy) {
  Files files;
  for (const auto& [reference, text] : GetParam().files)
    files["policies/" + reference + ".yaml"] = head(reference) + text;
  const std::string said = policy_of(GetParam().entry, files);
  for (const std::string& part : GetParam().said)
    EXPECT_THAT(said, HasSubstr(part));
}

INSTANTIATE_TEST_SUITE_P(
    Table, TemplateMistakes,
    testing::Values(
        Mistake{"missing",
                "{template: t@1}",
                {},
                {"line 3: policies.a.template: there is no template t@1", "policies/t@1.yaml"}},
        Mistake{"no version", "{template: t}", {}, {"write a name and a version"}},
        Mistake{"outside", "{template: ../../etc/passwd@1}", {}, {"names no template"}},
        Mistake{"version zero", "{template: t@0}", {}, {"names no template"}},
        Mistake{"version 01", "{template: t@01}", {}, {"names no template"}},
        Mistake{"itself",
                "{template: t@1}",
                {{"t@1", "inherit: t@1\n"}},
                {"policies/t@1.yaml: inherit: ", "in a circle: t@1 -> t@1"}},
        Mistake{"circle",
                "{template: t@1}",
                {{"t@1", "inherit: u@2\n"}, {"u@2", "inherit: v@1\n"}, {"v@1", "inherit: t@1\n"}},
                {"policies/v@1.yaml: inherit: ", "in a circle: t@1 -> u@2 -> v@1 -> t@1"}},
        Mistake{"parent missing",
                "{template: t@1}",
                {{"t@1", "inherit: u@2\n"}},
                {"policies/t@1.yaml: inherit: there is no template u@2"}},
        Mistake{"parent without version",
                "{template: t@1}",
                {{"t@1", "inherit: u\n"}},
                {"policies/t@1.yaml: line 3: inherit: must name a template and its version"}},
        Mistake{"unknown key in the policy",
                "{template: t@1}",
                {{"t@1", "policy:\n  totalDaylyCredits: 5\n"}},
                {"policies/t@1.yaml: line 4: policy.totalDaylyCredits: unknown key; did you mean "
                 "'totalDailyCredits'?"}},
        Mistake{"unknown key in the parent",
                "{template: t@1}",
                {{"t@1", "inherit: u@1\n"}, {"u@1", "policy: {tools: {x: {prise: 5}}}\n"}},
                {"policies/u@1.yaml: line 3: policy.tools.x.prise: unknown key"}},
        Mistake{"unknown key of a template",
                "{template: t@1}",
                {{"t@1", "polcy: {}\n"}},
                {"policies/t@1.yaml: line 3: polcy: unknown key; did you mean 'policy'?"}},
        Mistake{"twice",
                "{template: t@1}",
                {{"t@1", "policy: {totalCredits: 1, totalCredits: 2}\n"}},
                {"policy.totalCredits: this key is written twice"}},
        Mistake{"not its name",
                "{template: t@1}",
                {{"t@1", "version: 2\n"}},
                {"policies/t@1.yaml", "written twice"}},
        Mistake{"broken YAML",
                "{template: t@1}",
                {{"t@1", "policy: {\n"}},
                {"policies/t@1.yaml: line "}},
        Mistake{"no parameter",
                "{template: t@1}",
                {{"t@1", "parameters: {n: {default: 1}}\npolicy:\n  totalCredits: ${m}\n"}},
                {"policies/t@1.yaml: line 5: policy.totalCredits: '${m}' is no parameter",
                 "declared: n"}},
        Mistake{"no end",
                "{template: t@1}",
                {{"t@1", "policy: {totalCredits: '${m'}\n"}},
                {"is no parameter"}},
        Mistake{"environment",
                "{template: t@1}",
                {{"t@1", "policy: {totalCredits: '${DAILY}'}\n"}},
                {"'${DAILY}' is no parameter"}},
        Mistake{"required",
                "{template: t@1}",
                {{"t@1", "parameters: {n: {type: whole, description: calls}}\n"}},
                {"line 3: policies.a.template: t@1 needs the parameter 'n' (whole: calls); give it "
                 "under `parameters`"}},
        Mistake{"unknown parameter",
                "{template: t@1, parameters: {m: 1}}",
                {{"t@1", "parameters: {n: {default: 1}}\n"}},
                {"policies.a.parameters.m: t@1 has no such parameter; it has: n"}},
        Mistake{"wrong type",
                "{template: t@1, parameters: {n: ten}}",
                {{"t@1", "parameters: {n: {type: whole}}\n"}},
                {"policies.a.parameters.n: 'ten' must be a whole number"}},
        Mistake{"wrong default",
                "{template: t@1}",
                {{"t@1", "parameters:\n  n: {type: duration, default: soon}\n"}},
                {"policies/t@1.yaml: line 4: parameters.n.default: 'soon' must be a duration"}},
        Mistake{"no type",
                "{template: t@1}",
                {{"t@1", "parameters: {n: {type: money}}\n"}},
                {"parameters.n.type: must be one of amount, whole, duration, boolean, text"}},
        Mistake{"code in a value",
                "{template: t@1, parameters: {n: '${TRICK}'}}",
                {{"t@1", "parameters: {n: {type: text}}\npolicy: {totalCredits: '${n}'}\n"}},
                {"must be a value, without '${'"}},
        Mistake{"value that does not fit",
                "{template: t@1, parameters: {n: -5}}",
                {{"t@1", "parameters: {n: {type: text}}\npolicy: {totalCredits: '${n}'}\n"}},
                {"policies/t@1.yaml: line 4: policy.totalCredits"}},
        Mistake{"own key",
                "{template: t@1, totalDailyCredit: 5}",
                {{"t@1", ""}},
                {"line 3: policies.a.totalDailyCredit: unknown key; did you mean"}},
        Mistake{"own value",
                "{template: t@1, totalDailyCredits: much}",
                {{"t@1", ""}},
                {"line 3: policies.a.totalDailyCredits:"}},
        Mistake{"parameters alone", "{parameters: {n: 1}}", {}, {"policies.a.parameters: unknown"}},
        Mistake{"without an end",
                "{template: t@1}",
                {{"t@1", "policy: &p {tools: *p}\n"}},
                {"policies/t@1.yaml"}},
        Mistake{"a list",
                "{template: t@1}",
                {{"t@1", "policy: [1]\n"}},
                {"policies/t@1.yaml: line 3: policy: must be a mapping"}}),
    [](const auto& one) {
      std::string name(one.param.what);
      std::ranges::replace_if(name, [](char c) { return !std::isalnum(c); }, '_');
      return name;
    });

// The lines that `policy show` prints.
std::vector<std::string> filled(const Files& files, const std::string& reference,
                                const ParameterValues& values) {
  const TemplateFolder folder("policies", sources_of(files).read_file);
  auto lineage = folder.lineage(reference);
  if (!lineage) return lineage.error();
  const Complaints complaints = fill_in(*lineage, values, true);
  if (!complaints.empty()) return complaints;
  YAML::Node merged(YAML::NodeType::Map);
  for (const PolicyTemplate& one : *lineage)
    merged = merge_policies(merged, one.policy);
  return policy_lines(merged);
}

TEST(Templates, TheChildOverridesKeyByKey) {
  const Files files = {
      {"policies/base@1.yaml",
       "name: base\nversion: 1\nparameters: {n: {default: 1}}\npolicy:\n"
       "  totalDailyCredits: ${n}\n  tools:\n    a: {cost: 1, maxCallsPerHour: 9}\n"
       "    b: {enabled: false}\n"},
      {"policies/child@3.yaml",
       "name: child\nversion: 3\ninherit: base@1\nparameters: {n: {default: 7}}\npolicy:\n"
       "  tools:\n    a: {cost: '${n} credits'}\n    c: {cost: 3}\n"}};
  EXPECT_THAT(
      filled(files, "child@3", {}),
      ElementsAre("totalDailyCredits: 7", "tools.a.cost: 7 credits", "tools.a.maxCallsPerHour: 9",
                  "tools.b.enabled: false", "tools.c.cost: 3"));
  EXPECT_THAT(filled(files, "base@1", {{"n", "2"}}),
              ElementsAre("totalDailyCredits: 2", "tools.a.cost: 1", "tools.a.maxCallsPerHour: 9",
                          "tools.b.enabled: false"));
}

// Two names of one YAML node are two settings.
TEST(Templates, AnAliasIsACopy) {
  const Files files = {
      {"policies/base@1.yaml",
       "name: base\nversion: 1\npolicy: {tools: {a: &x {cost: 1}, b: *x}}\n"},
      {"policies/child@1.yaml",
       "name: child\nversion: 1\ninherit: base@1\npolicy: {tools: {a: {cost: 2}}}\n"}};
  EXPECT_THAT(filled(files, "child@1", {}), ElementsAre("tools.a.cost: 2", "tools.b.cost: 1"));
}

TEST(Templates, AnEntrySetsParametersAndOverrides) {
  const Files files = {{"policies/t@1.yaml",
                        "name: t\nversion: 1\nparameters: {n: {type: amount, default: 1}}\n"
                        "policy: {totalDailyCredits: '${n}', tools: {x: {cost: 1}}}\n"}};
  EXPECT_EQ(policy_of("{template: t@1}", files), "good");
  const ConfigResult result = parse_config(
      "upstreams: {u: {url: 'http://x'}}\npolicyDir: policies\npolicies:\n"
      "  a: {template: t@1, parameters: {n: '${DAILY}'}, tools: {x: {cost: 5}}}\n",
      sources_of(files));
  ASSERT_TRUE(result.settings) << result.errors.front();
  EXPECT_EQ(result.settings->tariff->price_of("s", "x", "x", "a"), Money::credits(5));
  EXPECT_EQ(result.settings->tariff->price_of("s", "x", "x", "other"), std::nullopt);
}

TEST(Templates, FilesThatAreReadAreWatched) {
  const Files files = {
      {"conf/satgate.yaml", "upstreams: {u: {url: 'http://x'}}\npolicies: {a: {template: t@1}}\n"},
      {"conf/policies/t@1.yaml", "name: t\nversion: 1\ninherit: u@1\n"},
      {"conf/policies/u@1.yaml", "name: u\nversion: 1\n"}};
  const ConfigResult result = load_config("conf/satgate.yaml", sources_of(files));
  EXPECT_TRUE(result.settings);
  EXPECT_THAT(result.files,
              ElementsAre("conf/satgate.yaml", "conf/policies/t@1.yaml", "conf/policies/u@1.yaml"));
}

std::string edited(std::string_view text, const ParameterValues& values = {}) {
  const Result<std::string> result = with_template(text, "a", "t@2", values);
  return result ? *result : "refused: " + result.error().message;
}

TEST(PolicyEdit, AddsAnEntryAndLeavesEveryOtherLine) {
  EXPECT_EQ(edited("version: 1 # one\n"),
            "version: 1 # one\n\npolicies:\n  a:\n    template: t@2\n");
  EXPECT_EQ(edited("policies: # none\nserver: {}"),
            "policies: # none\n  a:\n    template: t@2\nserver: {}\n");
  EXPECT_EQ(edited("policies:\n    # first\n    b: {totalCredits: 1} # b\n\n# end\nlabels: {}\n",
                   {{"n", "5"}}),
            "policies:\n    # first\n    b: {totalCredits: 1} # b\n    a:\n"
            "      template: t@2\n      parameters: {n: 5}\n\n# end\nlabels: {}\n");
}

TEST(PolicyEdit, ChangesAnEntryAndKeepsItsOwnSettings) {
  EXPECT_EQ(
      edited("policies:\n  a: {template: t@1, parameters: {m: 1}, totalCredits: 5}\n  b: {}\n"),
      "policies:\n  a:\n    template: t@2\n    totalCredits: 5\n  b: {}\n");
  EXPECT_EQ(edited("policies:\n  a:\n    # own\n    totalCredits: 5 # five\n    template: t@1\n"
                   "    parameters:\n      m: 1\n      o: 2\n    # tools\n    tools: {}\n  b: {}\n",
                   {{"m", "2"}}),
            "policies:\n  a:\n    template: t@2\n    parameters: {m: 2}\n    # own\n"
            "    totalCredits: 5 # five\n    # tools\n    tools: {}\n  b: {}\n");
  EXPECT_EQ(edited("policies:\n  a:\nlabels: {}\n"),
            "policies:\n  a:\n    template: t@2\nlabels: {}\n");
}

TEST(PolicyEdit, IsTheSameWhenItIsDoneTwice) {
  const std::string once = edited("policies:\n  b: {}\n", {{"n", "x: y, {z}"}});
  EXPECT_EQ(edited(once, {{"n", "x: y, {z}"}}), once);
  EXPECT_THAT(once, HasSubstr("{n: \"x: y, {z}\"}"));
}

TEST(PolicyEdit, RefusesWhatItCanNotChangeLineByLine) {
  for (const char* text : {
           "{\"version\": 1}",
           "{version: 1, policies: {b: {}}}\n",
           "policies: {b: {}}\n",
           "policies: {}\n",
           "policies: ~\n",
           "policies: [b]\n",
           "a: &x {totalCredits: 1}\npolicies: *x\n",
           "policies:\n  a: &x {totalCredits: 1}\n  b: *x\n",
           "policies:\n  ? a\n  : {totalCredits: 1}\n",
           "version: 1\n...\n",
           "a: &x {b: *x}\npolicies:\n",
       }) {
    const std::string said = edited(text);
    EXPECT_THAT(said, HasSubstr("refused: this file can not be changed line by line")) << text;
    EXPECT_THAT(said, HasSubstr("a: {template: t@2}")) << text;
  }
}

TEST(PolicyEdit, QuotesWhatYamlWouldRead) {
  const auto text = with_template("version: 1\n", "true: #", "t@2", {});
  ASSERT_TRUE(text);
  EXPECT_THAT(*text, HasSubstr("  \"true: #\":\n"));
}

}  // namespace
}  // namespace satgate::app
