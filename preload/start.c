/*
 * start.c - how linger starts in a process. See start.h.
 *
 * Owns: the phase in lgr_region. The library is linked -z initfirst: its constructor is the first to
 * run, before even the C library's, whose getenv and environ are therefore empty; the loader hands
 * the environment to each constructor (elf/dl-init.c).
 * SPDX-License-Identifier: MIT
 */
#include "start.h"

#include "archive.h"
#include "control.h"
#include "environment.h"
#include "fields.h"
#include "filter.h"
#include "keep.h"
#include "loader.h"
#include "log.h"
#include "notice.h"
#include "path.h"
#include "real.h"
#include "registry.h"
#include "safe.h"
#include "sys.h"
#include "threads.h"

/* FILE of log:FILE as an absolute name: the program may change its directory before it forks. */
static char log_file[4096] LGR_BIG;

static void start_log(void)
{
	struct lgr_log_setup setup = {
		.file = log_file,
		.size = lgr_settings.of[LGR_SET_LOG_MAX].number,
		.settings = lgr_settings_text,
		.libc = lgr_libc.version(),
	};
	const char *file = lgr_settings.of[LGR_SET_LOG].text;

	if (!*file)
		return;
	if (!lgr_path_absolute(file, log_file, sizeof(log_file)) || lgr_log_open(&setup) < 0)
		lgr_log_error(LGR_RSN_E_LOG, file);
}

static enum lgr_reason start(char **envp)
{
	int reason;

	/* 1. The real functions: from here the stubs work, whatever happens below. */
	reason = lgr_real_resolve();
	if (reason)
		return reason;
	/* 2. What readers outside find first. */
	lgr_region_init(lgr_sys_getpid(), lgr_sys_clock(CLOCK_MONOTONIC));
	/* 3. The settings. */
	lgr_environment_read(envp);
	if (lgr_settings.of[LGR_SET_CHILDREN].number) /* off */
		lgr_environment_hide(envp, lgr_libc.self->l_name);
	if (lgr_settings.of[LGR_SET_OFF].given)
		return LGR_RSN_E_OFF;
	lgr_region.policy = (uint32_t)lgr_settings.of[LGR_SET_POLICY].number;
	/* 4. The log, so that everything below can be said. */
	start_log();
	/* 5. The loader's private lock and fields. */
	lgr_loader_find_lock();
	lgr_fields_find();
	if (lgr_safe())
		lgr_threads_find();
	if (lgr_safe() || lgr_settings.of[LGR_SET_ARCHIVE].given)
		lgr_filter_find();
	/* 6. What is loaded already. */
	lgr_registry_gone = lgr_keep_forget;
	lgr_look_first();
	/* 7. Forks. */
	if (lgr_fork_register() != 0)
		lgr_log_error(LGR_RSN_E_FORK, NULL);
	/* 8. The archive, which may take its time. */
	lgr_archive_start();
	/* 9. What commands are to find. */
	if (lgr_settings.of[LGR_SET_CONTROL].given)
		lgr_control_start(envp);
	return LGR_RSN_NONE;
}

void lgr_start(char **envp)
{
	uint32_t phase = LGR_PH_NEW;
	enum lgr_reason reason;

	if (!atomic_compare_exchange_strong(&lgr_region.phase, &phase, LGR_PH_STARTING))
		return;
	reason = start(envp);
	if (reason) {
		lgr_region_off(reason);
		lgr_log_error(reason, NULL);
		return;
	}
	/* Commit: hooks and queries work from here. pairs with the acquire in lgr_on */
	atomic_store_explicit(&lgr_region.phase, LGR_PH_ON, memory_order_release);
}

bool lgr_ready(void)
{
	if (lgr_likely(lgr_on()))
		return true;
	lgr_start(NULL);
	/* Another thread may be starting: then this call goes through unseen, but it goes through. */
	if (!atomic_load_explicit(&lgr_real_known, memory_order_acquire))
		lgr_real_resolve();
	return lgr_on();
}

static __attribute__((constructor)) void begin(int argc, char **argv, char **envp)
{
	if (atomic_load(&lgr_region.phase) == LGR_PH_NEW) {
		lgr_start(envp);
		return;
	}
	/* Started by somebody's constructor before ours, without the environment. */
	lgr_environment_forget(envp);
	if (lgr_libc.self && lgr_settings.of[LGR_SET_CHILDREN].number)
		lgr_environment_hide(envp, lgr_libc.self->l_name);
}

/* What was unloaded since the last dl* call has not been logged yet. */
static __attribute__((destructor)) void end(void)
{
	if (lgr_on()) {
		lgr_look();
		lgr_archive_end();
		lgr_keep_at_exit();
		lgr_control_end();
	}
}
