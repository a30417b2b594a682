#include "app/runtime/file_watch.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

namespace satgate::app {
namespace {

namespace fs = std::filesystem;

class FileWatchTest : public testing::Test {
 protected:
  FileWatchTest() {
    std::string name = testing::TempDir() + "watch-XXXXXX";
    folder_ = ::mkdtemp(name.data());
    watch_ = std::move(*FileWatch::open());
  }
  ~FileWatchTest() override { fs::remove_all(folder_); }

  void write(const fs::path& file, std::string_view text) { std::ofstream(file) << text; }
  // As the gateway asks, until nothing moves any more.
  int changes() {
    int count = 0;
    for (int i = 0; i < 4; ++i)
      count += watch_->changed() ? 1 : 0;
    return count;
  }

  fs::path folder_;
  std::unique_ptr<FileWatch> watch_;
};

TEST_F(FileWatchTest, AWriteIsSeenOnceAndWhenItHasSettled) {
  write(folder_ / "a", "1");
  watch_->follow({folder_ / "a"});
  EXPECT_EQ(changes(), 0);
  write(folder_ / "a", "22");
  EXPECT_FALSE(watch_->changed());  // perhaps somebody is still writing
  write(folder_ / "a", "333");
  EXPECT_FALSE(watch_->changed());
  EXPECT_TRUE(watch_->changed());
  EXPECT_EQ(changes(), 0);
}

TEST_F(FileWatchTest, OtherFilesOfTheDirectoryAreNoChangeAndHoldNoneUp) {
  write(folder_ / "a", "1");
  watch_->follow({folder_ / "a"});
  write(folder_ / "log", "line");
  EXPECT_EQ(changes(), 0);
  write(folder_ / "a", "22");
  int asked = 0;
  do {
    write(folder_ / "log", "line");
    ++asked;
  } while (!watch_->changed() && asked < 20);
  EXPECT_LE(asked, 5);
}

TEST_F(FileWatchTest, ARenameOverTheFileIsSeen) {
  write(folder_ / "a", "1");
  watch_->follow({folder_ / "a"});
  write(folder_ / "a.new", "2");
  fs::rename(folder_ / "a.new", folder_ / "a");
  EXPECT_EQ(changes(), 1);
}

// As Kubernetes mounts a ConfigMap: file -> ..data/file, ..data -> ..1; then ..data -> ..2.
TEST_F(FileWatchTest, ASwapOfADirectoryBehindALinkIsSeen) {
  for (const char* version : {"..1", "..2", "..3"}) {
    fs::create_directory(folder_ / version);
    write(folder_ / version / "a", version);
  }
  fs::create_directory_symlink("..1", folder_ / "..data");
  fs::create_symlink("..data/a", folder_ / "a");
  watch_->follow({folder_ / "a"});
  for (const char* version : {"..2", "..3"}) {
    fs::create_directory_symlink(version, folder_ / "..tmp");
    fs::rename(folder_ / "..tmp", folder_ / "..data");
    EXPECT_EQ(changes(), 1) << version;
  }
  write(folder_ / "..3" / "a", "in place");
  EXPECT_EQ(changes(), 1);
}

TEST_F(FileWatchTest, AFileThatComesAndGoesIsSeen) {
  watch_->follow({folder_ / "deep" / "a"});
  EXPECT_EQ(changes(), 0);
  fs::create_directory(folder_ / "deep");
  EXPECT_EQ(changes(), 0);
  write(folder_ / "deep" / "a", "1");
  EXPECT_EQ(changes(), 1);
  fs::remove_all(folder_ / "deep");
  EXPECT_EQ(changes(), 1);
}

TEST_F(FileWatchTest, WhatIsFollowedNoMoreIsNotSeen) {
  write(folder_ / "a", "1");
  write(folder_ / "b", "1");
  watch_->follow({folder_ / "a", folder_ / "b"});
  write(folder_ / "a", "22");
  watch_->follow({folder_ / "a"});  // the change of before is not lost
  EXPECT_EQ(changes(), 1);
  write(folder_ / "b", "22");
  EXPECT_EQ(changes(), 0);
}

}  // namespace
}  // namespace satgate::app
