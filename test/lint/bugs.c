/* SPDX-License-Identifier: MIT */
/*
 * bugs.c: every mistake with coroutines we could think of, one for each value of BUG.  A compiler or
 * colint must see each; those marked "silent" are right and must pass all (test/lint/run).
 */
#include "core/co.h"
#include "core/wait.h"
async long child(struct co *co, long a);
async long child_out(struct co *co, long a, long *out);
void use(long); void fill(char *); void get(long *);
struct obj { spinlock_t lock; struct mutex m; long x; };
#define FN async long fn(struct co *co, struct obj *o, long n); async long fn(struct co *co, struct obj *o, long n)
#define FRAME struct { long a, i; struct obj *o; } *f = co_frame(co); long r

#if BUG == 0	/* silent: correct code */
FN { FRAME; const long twice = n * 2; co_begin(f);
	for (f->i = 0; f->i < twice; f->i++) {
		await(r = child(co, f->i));
		if (r < 0) return r;
		long k = r + 1; use(k);
		{ guard(&o->lock); char b[16]; fill(b); o->x += b[2]; }
	}
	await(r = child_out(co, 3, &f->a));
	return r + f->a; co_end(); }
#elif BUG == 1	/* initialised local across an await */
FN { FRAME; co_begin(f); long k = n * 2; await(r = child(co, 1)); use(k); return r; co_end(); }
#elif BUG == 2	/* assigned before, used after */
FN { FRAME; long k; co_begin(f); k = n * 2; await(r = child(co, 1)); use(k); return r; co_end(); }
#elif BUG == 3	/* for (int i = 0; ...) around an await */
FN { FRAME; co_begin(f); for (long i = 0; i < n; i++) { await(r = child(co, i)); if (r < 0) return r; } return 0; co_end(); }
#elif BUG == 4	/* same, counter declared above */
FN { FRAME; long i; co_begin(f); for (i = 0; i < n; i++) { await(r = child(co, 7)); if (r < 0) return r; } return 0; co_end(); }
#elif BUG == 5	/* local array across an await */
FN { FRAME; char b[16]; co_begin(f); fill(b); await(r = child(co, 1)); use(b[3]); return r; co_end(); }
#elif BUG == 6	/* local struct across an await */
struct s { long x, y; };
FN { FRAME; struct s s; co_begin(f); s.x = n; s.y = 2; await(r = child(co, 1)); use(s.x); return r; co_end(); }
#elif BUG == 7	/* local whose address escaped */
FN { FRAME; long k; co_begin(f); get(&k); await(r = child(co, 1)); use(k); return r; co_end(); }
#elif BUG == 8	/* set above co_begin: back to 0 at every poll */
FN { FRAME; long sum = 0; co_begin(f); sum += n; await(r = child(co, 1)); return sum; co_end(); }
#elif BUG == 9	/* plain local as an argument */
FN { FRAME; long k; co_begin(f); k = n + 1; await(r = child(co, k)); return r; co_end(); }
#elif BUG == 10	/* side effect in an argument */
FN { FRAME; co_begin(f); f->a = 0; await(r = child(co, f->a++)); return r; co_end(); }
#elif BUG == 11	/* out parameter on the stack */
FN { FRAME; long k; co_begin(f); await(r = child_out(co, 1, &k)); use(k); return r; co_end(); }
#elif BUG == 12	/* spin lock guard across an await */
FN { FRAME; co_begin(f); { guard(&o->lock); await(r = child(co, 1)); } return r; co_end(); }
#elif BUG == 13	/* plain spin_lock across an await */
FN { FRAME; co_begin(f); spin_lock(&o->lock); await(r = child(co, 1)); spin_unlock(&o->lock); return r; co_end(); }
#elif BUG == 14	/* await in an inner switch */
FN { FRAME; r = 0; co_begin(f); switch ((int)n) { case 1: await(r = child(co, 1)); break; default: break; } return r; co_end(); }
#elif BUG == 15	/* await forgotten, result dropped */
FN { FRAME; co_begin(f); child(co, 2); await(r = child(co, 1)); return r; co_end(); }
#elif BUG == 16	/* await forgotten, result used */
FN { FRAME; co_begin(f); r = child(co, 2); if (r < 0) return r; await(r = child(co, 1)); return r; co_end(); }
#elif BUG == 17	/* tail call out of a framed function */
FN { FRAME; co_begin(f); await(r = child(co, 1)); if (r) return r; return child(co, 2); co_end(); }
#elif BUG == 18	/* break out of the body */
FN { FRAME; co_begin(f); await(r = child(co, 1)); if (r) break; return r; co_end(); }
#elif BUG == 19	/* falling off the end */
FN { FRAME; co_begin(f); await(r = child(co, 1)); if (r) return r; co_end(); }
#elif BUG == 20	/* two awaits on one line */
FN { FRAME; co_begin(f); await(r = child(co, 1)); await(r = child(co, 2)); return r; co_end(); }
#elif BUG == 21	/* co_end forgotten */
FN { FRAME; co_begin(f); await(r = child(co, 1)); return r; }
#elif BUG == 22	/* await without co_begin */
FN { FRAME; await(r = child(co, 1)); return r; }
#elif BUG == 23	/* silent: return with a guard, frameless */
FN { guard(&o->lock); if (o->x != n) return wait_locked(&o->m.s.q, 0); return 0; }
#elif BUG == 24	/* retry function not awaited in a frame */
FN { FRAME; co_begin(f); r = mutex_lock(&o->m); await(r = child(co, 1)); mutex_unlock(&o->m); return r; co_end(); }
#elif BUG == 25	/* forwarder that does more than forward */
FN { long r = child(co, 1); if (r) return r; return child(co, 2); }
#elif BUG == 26	/* frame that is not called f */
FN { struct { long a; } *s = co_frame(co); struct obj *const f = o; long r; co_begin(s); await(r = child(co, s->a)); return r; co_end(); }
#elif BUG == 27	/* silent: forwarder that looks at the result */
FN { long r = child(co, 1); if (r != PENDING) o->x = r; return r; }
#elif BUG == 28	/* function that starts over calls one that resumes */
async long bad(struct obj *o) { long r = mutex_lock(&o->m); if (r) return r; return child(co, 2); }
#endif
