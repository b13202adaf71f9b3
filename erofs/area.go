package erofs

const slotsPerBlock = blockSize / slotSize

// area hands out the metadata area, from the end of the superblock on. It
// keeps what is smaller than a block within one, and fills gaps best-fit:
// tails of files would else leave a good part of the blocks empty.
type area struct {
	blocks int64
	gaps   [slotsPerBlock][]int64 // by length in slots: offsets of gaps at the end of a block
}

func newArea() *area {
	a := &area{blocks: 1}
	a.free(superOffset+superSize, (blockSize-superOffset-superSize)/slotSize)
	return a
}

// place returns the offset for something of size bytes.
func (a *area) place(size int64) int64 {
	slots := (size + slotSize - 1) / slotSize
	for n := slots; n < slotsPerBlock; n++ {
		if last := len(a.gaps[n]) - 1; last >= 0 {
			off := a.gaps[n][last]
			a.gaps[n] = a.gaps[n][:last]
			a.free(off+slots*slotSize, n-slots)
			return off
		}
	}
	off := a.blocks * blockSize
	blocks := (slots + slotsPerBlock - 1) / slotsPerBlock
	a.blocks += blocks
	a.free(off+slots*slotSize, blocks*slotsPerBlock-slots)
	return off
}

func (a *area) free(off, slots int64) {
	if slots > 0 {
		a.gaps[slots] = append(a.gaps[slots], off)
	}
}
