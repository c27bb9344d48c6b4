/* SPDX-License-Identifier: MIT */
/** @file
 * Everything mproc has to offer.
 */
#ifndef MPROC_MPROC_H
#define MPROC_MPROC_H

#include <mproc/common.h>
#include <mproc/connection.h>
#include <mproc/error.h>
#include <mproc/finalize.h>
#include <mproc/listener.h>
#include <mproc/log.h>
#include <mproc/process.h>
#include <mproc/start.h>
#include <mproc/value.h>
#include <mproc/wait.h>

#endif
