#pragma once

#include "attic/chest.hpp"
