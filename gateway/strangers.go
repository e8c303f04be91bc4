package gateway

import "container/list"

// strangers are the connections without a logon, the oldest first. Only some of all
// connections may be: else whoever opens many and stays silent would keep everybody out.
type strangers struct {
	order list.List // of *link
	perIP map[string]int
}

func (s *strangers) len() int { return s.order.Len() }

func (s *strangers) add(k *link) {
	if s.perIP == nil {
		s.perIP = make(map[string]int)
	}
	k.waiter = s.order.PushBack(k)
	s.perIP[k.ip]++
}

// remove is for who has logged on or has left; twice is as good as once.
func (s *strangers) remove(k *link) {
	if k.waiter == nil {
		return
	}
	s.order.Remove(k.waiter)
	k.waiter = nil
	if s.perIP[k.ip]--; s.perIP[k.ip] == 0 {
		delete(s.perIP, k.ip)
	}
}

// makeRoom takes out one who has to go for k: the oldest of the address that has the most of
// them, if k's own would not have as many, else whoever has had the time for a logon. It
// gives nil if it is k who has to go.
func (s *strangers) makeRoom(k *link) *link {
	crowd, most := "", s.perIP[k.ip]+1
	for ip, n := range s.perIP {
		if n > most {
			crowd, most = ip, n
		}
	}
	for e := s.order.Front(); e != nil; e = e.Next() {
		victim := e.Value.(*link)
		if crowd == "" && k.since.Sub(victim.since) < timeToLogOn {
			return nil // the others are younger still
		}
		if crowd == "" || victim.ip == crowd {
			s.remove(victim)
			return victim
		}
	}
	return nil
}
