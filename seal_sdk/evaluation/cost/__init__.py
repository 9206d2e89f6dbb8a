"""What the method costs: time, UNet rows, memory and waits, beside plain SDXL and other methods, and how they grow."""
