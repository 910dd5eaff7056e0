// Where the build has put what tests need. Apart from the tests' own objects, which know no folder:
// another checkout of the same sources can take them from ccache.
#pragma once

namespace dojo::test::where {

extern const char* const kData;           ///< the folder tests/unit of the sources
extern const char* const kExampleConfig;  ///< etc/dojo-host.toml
extern const char* const kPlugins;        ///< the folder of the tests' plugins
extern const char* const kZoo;            ///< the folder of bad plugins
extern const char* const kHost;           ///< dojo-host
extern const char* const kWorker;         ///< dojo-worker
extern const char* const kHostileWorker;  ///< what answers as no worker of ours would
extern const char* const kCommand;        ///< dojo

}  // namespace dojo::test::where
