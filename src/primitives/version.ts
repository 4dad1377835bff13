/** Version of this library: that of its package. */
export const version = "0.0.0"
