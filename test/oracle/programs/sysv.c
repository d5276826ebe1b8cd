/* SPDX-License-Identifier: MIT */
/* sysv.c: System V shared memory, semaphores and message queues. */
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include "check.h"

#define yes(what) printf("%s: %s\n", #what, (what) ? "yes" : "no"), fflush(stdout)

static void shm(void)
{
	struct shmid_ds d;
	int id = shmget(0x1234, 5000, IPC_CREAT | 0640);

	title("shm");
	yes(id >= 0);
	yes(shmget(0x1234, 100, 0) == id);
	show(shmget(0x1234, 6000, 0));
	show(shmget(0x1234, 100, IPC_CREAT | IPC_EXCL));
	show(shmget(0x4321, 100, 0));
	show(shmget(0x4321, 0, IPC_CREAT));
	char *a = shmat(id, NULL, 0), *b = shmat(id, NULL, SHM_RDONLY);
	yes(a != (void *)-1 && b != (void *)-1 && a != b);
	strcpy(a, "through the other one");
	printf("%s\n", b);
	show(shmctl(id, IPC_STAT, &d));
	printf("%zu bytes, %lu attached, mode %o, mine %d %d\n", d.shm_segsz, d.shm_nattch, d.shm_perm.mode,
	       d.shm_cpid == getpid(), d.shm_lpid == getpid());
	yes(d.shm_atime && d.shm_ctime && !d.shm_dtime);
	if (!fork()) {
		shmctl(id, IPC_STAT, &d);
		printf("child: %lu attached\n", d.shm_nattch);
		strcpy(a + 4096, "from the child");
		show(mprotect(b, 4096, PROT_READ | PROT_WRITE));
		_exit(shmdt(b));
	}
	wait(NULL);
	printf("%s\n", a + 4096);
	show(shmdt(b));
	show(shmdt(b));
	show(shmdt(a + 4096));
	show(shmdt(a + 1));
	d.shm_perm.mode = 0600;
	show(shmctl(id, IPC_SET, &d));
	show(shmctl(id, IPC_RMID, NULL));
	show(shmctl(id, IPC_STAT, &d));
	printf("key %x mode %o attached %lu\n", d.shm_perm.__key, d.shm_perm.mode, d.shm_nattch);
	show(shmget(0x1234, 100, 0));
	printf("%s\n", a);
	show(shmdt(a));
	show(shmctl(id, IPC_STAT, &d));
	show(shmctl(id, 99, &d));
	show(shmctl(-1, IPC_RMID, NULL));
	id = shmget(IPC_PRIVATE, 4096, 0600);
	show((long)shmat(id, (void *)4097, 0));
	char *at = mmap(NULL, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	show((long)shmat(id, at, 0));
	yes(shmat(id, at, SHM_REMAP) == at);
	yes(shmat(id, at + 4096 + 5, SHM_RND | SHM_REMAP) == at + 4096);
	show((long)shmat(id, NULL, SHM_REMAP));
	show((long)shmat(id + 1, NULL, 0));
	show(shmdt(at));
	show(shmdt(at + 4096));
	show(shmctl(id, IPC_RMID, NULL));
}

union semun { int val; struct semid_ds *buf; unsigned short *array; };

static int op(int id, int n, int by, int flags)
{
	struct sembuf b = { n, by, flags };

	return semop(id, &b, 1);
}

static void wait_for(int id, int n, int cmd, int want)
{
	while (semctl(id, n, cmd) != want)
		nap(5);
}

static void sem(void)
{
	unsigned short v[3] = { 1, 2, 3 };
	struct semid_ds d;
	struct timespec soon = { 0, 20000000 }, bad = { 0, -1 };
	struct sembuf two[2] = { { 0, -1, 0 }, { 1, -5, IPC_NOWAIT } }, far = { 7, 1, 0 };
	int id = semget(0x55, 3, IPC_CREAT | 0600), status;

	title("sem");
	yes(id >= 0);
	yes(semget(0x55, 2, 0) == id);
	show(semget(0x55, 4, 0));
	show(semget(0x56, 0, IPC_CREAT));
	show(semget(0x56, -1, IPC_CREAT));
	show(semctl(id, 0, GETVAL));
	show(semctl(id, 0, SETALL, (union semun){ .array = v }));
	show(semctl(id, 2, GETVAL));
	show(semctl(id, 3, GETVAL));
	show(semctl(id, 0, SETVAL, (union semun){ .val = 40000 }));
	show(semctl(id, 0, SETVAL, (union semun){ .val = 5 }));
	show(op(id, 0, -2, 0));
	show(op(id, 0, 32767, 0));
	show(op(id, 0, -4, IPC_NOWAIT));
	show(op(id, 0, 0, IPC_NOWAIT));
	show(semop(id, two, 2));
	show(semctl(id, 0, GETVAL));
	show(semop(id, &far, 1));
	show(semop(id, two, 0));
	show(semop(id, (void *)8, 1));
	show(semop(id, two, 501));
	show(semtimedop(id, &(struct sembuf){ 0, -9, 0 }, 1, &soon));
	show(semtimedop(id, &(struct sembuf){ 0, -9, 0 }, 1, &bad));
	yes(semctl(id, 0, GETPID) == getpid());
	if (!fork()) {
		op(id, 0, -3, 0);			/* takes all */
		_exit(op(id, 2, -4, 0) ? 1 : 0);	/* waits for one more */
	}
	wait_for(id, 2, GETNCNT, 1);
	if (!fork())
		_exit(op(id, 2, 0, 0) ? 2 : 0);		/* waits for zero */
	wait_for(id, 2, GETZCNT, 1);
	show(op(id, 2, 1, 0));
	for (int i = 0; i < 2; i++) {
		wait(&status);
		printf("child: %d\n", WEXITSTATUS(status));
	}
	title("undo");
	show(semctl(id, 1, SETVAL, (union semun){ .val = 3 }));
	if (!fork()) {
		op(id, 1, -2, SEM_UNDO);
		op(id, 2, 4, SEM_UNDO);
		printf("child: %d %d\n", semctl(id, 1, GETVAL), semctl(id, 2, GETVAL));
		fflush(stdout);
		if (!fork())
			_exit(0);			/* has nothing to undo */
		wait(NULL);
		printf("child: %d\n", semctl(id, 1, GETVAL));
		fflush(stdout);
		_exit(0);
	}
	wait(NULL);
	show(semctl(id, 1, GETVAL));
	show(semctl(id, 2, GETVAL));
	title("removed");
	if (!fork()) {
		int r = op(id, 0, -100, 0);

		_exit(r ? errno : 0);
	}
	wait_for(id, 0, GETNCNT, 1);
	show(semctl(id, 0, IPC_STAT, (union semun){ .buf = &d }));
	printf("%lu semaphores, mode %o, used %d\n", d.sem_nsems, d.sem_perm.mode, d.sem_otime != 0);
	show(semctl(id, 0, IPC_RMID));
	wait(&status);
	printf("child: %s\n", strerrorname_np(WEXITSTATUS(status)));
	show(op(id, 0, 1, 0));
	show(semctl(id, 0, GETALL, (union semun){ .array = v }));
}

struct message { long type; char text[100]; };

static void send(int id, long type, const char *s)
{
	struct message m = { .type = type };

	strcpy(m.text, s);
	if (msgsnd(id, &m, strlen(s), IPC_NOWAIT))
		printf("send %ld %s: %s\n", type, s, strerrorname_np(errno));
}

static void receive(int id, long type, size_t size, int flags)
{
	struct message m = { 0 };
	long n = msgrcv(id, &m, size, type, flags | IPC_NOWAIT);

	if (n < 0)
		printf("receive %ld: %s\n", type, strerrorname_np(errno));
	else
		printf("receive %ld: %ld %ld '%.*s'\n", type, n, m.type, (int)n, m.text);
	fflush(stdout);
}

static void msg(void)
{
	static struct message big[200];
	struct msqid_ds d;
	int id = msgget(0x77, IPC_CREAT | 0600), status;

	title("msg");
	yes(id >= 0);
	yes(msgget(0x77, 0) == id);
	show(msgget(0x78, 0));
	send(id, 3, "three");
	send(id, 1, "one");
	send(id, 2, "two");
	send(id, 1, "");
	send(id, 0, "zero");
	send(id, -1, "minus");
	show(msgctl(id, IPC_STAT, &d));
	printf("%lu messages, %lu bytes, limit %lu\n", d.msg_qnum, d.__msg_cbytes, d.msg_qbytes);
	receive(id, 9, 100, 0);
	receive(id, 3, 2, 0);
	receive(id, 3, 2, MSG_NOERROR);
	receive(id, -2, 100, 0);
	receive(id, 1, 100, MSG_EXCEPT);
	receive(id, 0, 100, 0);
	receive(id, 0, 100, 0);
	big[0].type = 1;
	show(msgsnd(id, big, 8193, 0));
	show(msgsnd(id, (void *)8, 1, 0));
	show(msgrcv(id, big, -1, 0, 0));
	show(msgsnd(id, big, 8192, IPC_NOWAIT));
	show(msgsnd(id, big, 8192, IPC_NOWAIT));
	show(msgsnd(id, big, 1, IPC_NOWAIT));
	if (!fork())
		_exit(msgsnd(id, big, 1, 0) ? errno : 0);
	receive(id, 0, 100, MSG_NOERROR);
	wait(&status);
	printf("child: %d\n", WEXITSTATUS(status));
	receive(id, 0, 100, MSG_NOERROR);
	receive(id, 0, 100, MSG_NOERROR);
	if (!fork())
		_exit(msgrcv(id, big, 100, 5, 0) < 0 ? errno : 77);
	nap(20);
	show(msgctl(id, IPC_RMID, NULL));
	wait(&status);
	printf("child: %s\n", strerrorname_np(WEXITSTATUS(status)));
	show(msgctl(id, IPC_STAT, &d));
}

static void others(void)
{
	int m = shmget(0x99, 4096, IPC_CREAT | 0604), s = semget(0x99, 1, IPC_CREAT | 0640),
	    q = msgget(0x99, IPC_CREAT | 0602);
	struct shmid_ds d;

	title("others");
	if (!fork()) {
		setgid(1000);
		setuid(1000);
		yes(shmget(0x99, 0, 0) == m);
		yes(shmget(0x99, 0, 0444) == m);
		show(shmget(0x99, 0, 0666));
		show((long)shmat(m, NULL, 0));
		yes(shmat(m, NULL, SHM_RDONLY) != (void *)-1);
		show(shmctl(m, IPC_STAT, &d));
		show(shmctl(m, IPC_RMID, NULL));
		show(semctl(s, 0, GETVAL));
		show(op(s, 0, 1, 0));
		show(semctl(s, 0, IPC_RMID));
		send(q, 1, "from others");
		receive(q, 0, 100, 0);
		show(msgctl(q, IPC_RMID, NULL));
		_exit(0);
	}
	wait(NULL);
	receive(q, 0, 100, 0);
	show(shmctl(m, IPC_RMID, NULL));
	show(semctl(s, 0, IPC_RMID));
	show(msgctl(q, IPC_RMID, NULL));
}

int main(void)
{
	shm();
	sem();
	msg();
	others();
	return 0;
}
