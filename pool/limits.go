package pool

import "time"

const (
	// firstPause is the longest pause behind a failed opening; each further round of failures
	// doubles it up to longestPause. The pause is random between half of it and all of it.
	firstPause   = 25 * time.Millisecond
	longestPause = 2 * time.Second

	// probes is how many openings run at once behind lost connections (one behind a failed
	// opening); each success adds one. Above allProbes, or when nothing was lost for
	// calmAfter, there is no limit any more.
	probes    = 4
	allProbes = 64
	calmAfter = time.Minute

	// Lost connections are replaced without a pause up to a number, Peak or Capacity but at
	// least minLossBurst; from there on one in lossInterval. A program that cancels all its
	// calls must not become a storm of logons.
	lossInterval = 20 * time.Millisecond
	minLossBurst = 32

	// refusalPause is how long an opening that was refused is not tried again in its
	// partition: callers get the same error meanwhile. Repeated logons lock users.
	refusalPause = time.Second

	// checkBatch is how many idle connections the checker takes aside at once.
	checkBatch = 32

	// maxHolders bounds the holders that an error lists, stackDepth the frames of a stack.
	maxHolders = 10
	stackDepth = 32

	// longestWait is the largest MaxWait, about 36 years: sums of times must not overflow.
	longestWait = 1 << 60
)

// DefaultResetTimeout bounds a reset if Config.ResetTimeout does not.
const DefaultResetTimeout = 10 * time.Second
