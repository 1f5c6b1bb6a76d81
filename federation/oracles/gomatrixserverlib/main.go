// Reads one JSON object per line from standard input and writes one per line to standard output: plays the event graphs
// of rooms of version 1 through gomatrixserverlib's event auth and its version 1 of state resolution.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sort"

	"github.com/matrix-org/gomatrixserverlib"
	"github.com/matrix-org/gomatrixserverlib/spec"
)

type tuple struct{ kind, key string }
type stateMap map[tuple]gomatrixserverlib.PDU

type graph struct {
	RoomVersion gomatrixserverlib.RoomVersion `json:"room_version"`
	Events      []struct {
		EventID string          `json:"event_id"`
		JSON    json.RawMessage `json:"json"`
	} `json:"events"`
}

type outcome struct {
	// Per event, in order: an empty text when it is accepted, else why not.
	Decisions []string `json:"decisions"`
	// The resolution of the states after all forward extremities: (type, state key, event id), sorted.
	State [][3]string `json:"state"`
}

type room struct {
	events   map[string]gomatrixserverlib.PDU
	rejected map[string]bool
	after    map[string]stateMap
}

func userOf(_ spec.RoomID, sender spec.SenderID) (*spec.UserID, error) {
	return spec.NewUserID(string(sender), true)
}

func tupleOf(event gomatrixserverlib.PDU) tuple { return tuple{event.Type(), *event.StateKey()} }

// resolve merges states: what is not in conflict stays, the rest goes through the library.
func (r *room) resolve(states []stateMap) stateMap {
	if len(states) == 1 {
		return states[0]
	}
	candidates := map[tuple]map[string]gomatrixserverlib.PDU{}
	for _, state := range states {
		for place, event := range state {
			if candidates[place] == nil {
				candidates[place] = map[string]gomatrixserverlib.PDU{}
			}
			candidates[place][event.EventID()] = event
		}
	}
	resolved := stateMap{}
	var conflicted, agreed []gomatrixserverlib.PDU
	for place, events := range candidates {
		for _, event := range events {
			if len(events) > 1 {
				conflicted = append(conflicted, event)
			} else {
				resolved[place] = event
				agreed = append(agreed, event)
			}
		}
	}
	if len(conflicted) == 0 {
		return resolved
	}
	for _, event := range gomatrixserverlib.ResolveStateConflicts(conflicted, agreed, userOf) {
		resolved[tupleOf(event)] = event
	}
	return resolved
}

func (r *room) statesAfter(ids []string) []stateMap {
	var states []stateMap
	for _, id := range ids {
		if state, ok := r.after[id]; ok {
			states = append(states, state)
		}
	}
	return states
}

func allowedBy(event gomatrixserverlib.PDU, events []gomatrixserverlib.PDU) error {
	provider := gomatrixserverlib.NewAuthEvents(events)
	return gomatrixserverlib.Allowed(event, &provider, userOf)
}

func (r *room) judge(event gomatrixserverlib.PDU, before stateMap) error {
	var listed, state []gomatrixserverlib.PDU
	for _, id := range event.AuthEventIDs() {
		if r.rejected[id] {
			return fmt.Errorf("auth event %s was rejected", id)
		}
		if known, ok := r.events[id]; ok {
			listed = append(listed, known)
		}
	}
	if err := allowedBy(event, listed); err != nil {
		return fmt.Errorf("auth events: %w", err)
	}
	for _, known := range before {
		state = append(state, known)
	}
	if err := allowedBy(event, state); err != nil {
		return fmt.Errorf("state before: %w", err)
	}
	return nil
}

func play(line []byte) (*outcome, error) {
	var input graph
	if err := json.Unmarshal(line, &input); err != nil {
		return nil, err
	}
	version, err := gomatrixserverlib.GetRoomVersion(input.RoomVersion)
	if err != nil {
		return nil, err
	}
	r := &room{map[string]gomatrixserverlib.PDU{}, map[string]bool{}, map[string]stateMap{}}
	ends := map[string]bool{}
	out := &outcome{State: [][3]string{}}
	for _, row := range input.Events {
		event, err := version.NewEventFromTrustedJSON(row.JSON, false)
		if err != nil {
			return nil, err
		}
		id := event.EventID()
		before := stateMap{}
		if states := r.statesAfter(event.PrevEventIDs()); len(states) > 0 {
			before = r.resolve(states)
		}
		reason := ""
		if err := r.judge(event, before); err != nil {
			reason = err.Error()
		}
		out.Decisions = append(out.Decisions, reason)
		r.events[id] = event
		r.rejected[id] = reason != ""
		after := stateMap{}
		for place, known := range before {
			after[place] = known
		}
		if reason == "" {
			if event.StateKey() != nil {
				after[tupleOf(event)] = event
			}
			for _, previous := range event.PrevEventIDs() {
				delete(ends, previous)
			}
			ends[id] = true
		}
		r.after[id] = after
	}
	var ids []string
	for id := range ends {
		ids = append(ids, id)
	}
	sort.Strings(ids)
	for place, event := range r.resolve(r.statesAfter(ids)) {
		out.State = append(out.State, [3]string{place.kind, place.key, event.EventID()})
	}
	sort.Slice(out.State, func(i, j int) bool {
		a, b := out.State[i], out.State[j]
		return a[0] < b[0] || (a[0] == b[0] && a[1] < b[1])
	})
	return out, nil
}

func main() {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	writer := bufio.NewWriter(os.Stdout)
	defer writer.Flush()
	for {
		line, readErr := in.ReadBytes('\n')
		if len(line) > 1 {
			out, err := play(line)
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			text, err := json.Marshal(out)
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			writer.Write(append(text, '\n'))
		}
		if readErr != nil {
			return
		}
	}
}
