"""Layers, pooling, normalisation and the like: ``torch.nn.functional`` with its short names in torch."""

from __future__ import annotations

from pullback.contract.program.ops.signature import rows

LAYERS = [
    *rows(
        "torch.nn.functional",
        """
        adaptive_avg_pool1d(input, output_size: sizes[0..4096])
        adaptive_avg_pool2d(input, output_size: sizes[0..4096]) @cpu
        adaptive_avg_pool3d(input, output_size: sizes[0..4096]) @cpu
        adaptive_max_pool1d(input, output_size: sizes[1..4096], return_indices?: bool)
        adaptive_max_pool2d(input, output_size: sizes[1..4096], return_indices?: bool) @cpu
        adaptive_max_pool3d(input, output_size: sizes[1..4096], return_indices?: bool) @cpu
        affine_grid(theta, size: sizes[1..], align_corners?: bool)
        avg_pool1d(input, kernel_size: ints[1..4096], stride?: ints[1..4096], padding?: ints[0..4096], \
            ceil_mode?: bool, count_include_pad?: bool)
        avg_pool2d(input, kernel_size: ints[1..4096], stride?: ints[1..4096], padding?: ints[0..4096], \
            ceil_mode?: bool, count_include_pad?: bool, divisor_override?: int[1..])
        avg_pool3d(input, kernel_size: ints[1..4096], stride?: ints[1..4096], padding?: ints[0..4096], \
            ceil_mode?: bool, count_include_pad?: bool, divisor_override?: int[1..]) @cpu
        bilinear(input1, input2, weight, bias?: tensor)
        conv1d(input, weight, bias?: tensor, stride?: ints[1..4096], padding?: ints[0..4096]|enum[valid,same], \
            dilation?: ints[1..4096], groups?: int[1..65536])
        conv2d(input, weight, bias?: tensor, stride?: ints[1..4096], padding?: ints[0..4096]|enum[valid,same], \
            dilation?: ints[1..4096], groups?: int[1..65536])
        conv3d(input, weight, bias?: tensor, stride?: ints[1..4096], padding?: ints[0..4096]|enum[valid,same], \
            dilation?: ints[1..4096], groups?: int[1..65536])
        channel_shuffle(input, groups: int[1..65536])
        conv_transpose1d(input, weight, bias?: tensor, stride?: ints[1..4096], padding?: ints[0..4096], \
            output_padding?: ints[0..4096], groups?: int[1..65536], dilation?: ints[1..4096])
        conv_transpose2d(input, weight, bias?: tensor, stride?: ints[1..4096], padding?: ints[0..4096], \
            output_padding?: ints[0..4096], groups?: int[1..65536], dilation?: ints[1..4096])
        conv_transpose3d(input, weight, bias?: tensor, stride?: ints[1..4096], padding?: ints[0..4096], \
            output_padding?: ints[0..4096], groups?: int[1..65536], dilation?: ints[1..4096])
        cosine_similarity(x1, x2, dim?: dim, eps?: float)
        embedding(input, weight, padding_idx?: int)
        fold(input, output_size: sizes[1..4096], kernel_size: ints[1..64], dilation?: ints[1..4096], \
            padding?: ints[0..4096], stride?: ints[1..4096])
        grid_sample(input, grid, mode?: enum[bilinear,nearest,bicubic], \
            padding_mode?: enum[zeros,border,reflection], align_corners?: bool) @cpu
        group_norm(input, num_groups: int[1..65536], weight?: tensor, bias?: tensor, eps?: float)
        instance_norm(input, *, weight?: tensor, bias?: tensor, eps?: float)
        interpolate(input, size?: sizes[1..2**16], scale_factor?: any, \
            mode?: enum[nearest,linear,bilinear,bicubic,trilinear,area,nearest-exact], \
            align_corners?: bool) @cpu
        layer_norm(input, normalized_shape: sizes, weight?: tensor, bias?: tensor, eps?: float)
        linear(input, weight, bias?: tensor)
        local_response_norm(input, size: int[1..4096], alpha?: float, beta?: float, k?: float)
        lp_pool1d(input, norm_type: number, kernel_size: ints[1..4096], stride?: ints[1..4096], ceil_mode?: bool)
        lp_pool2d(input, norm_type: number, kernel_size: ints[1..4096], stride?: ints[1..4096], ceil_mode?: bool)
        max_pool1d(input, kernel_size: ints[1..4096], stride?: ints[1..4096], padding?: ints[0..4096], \
            dilation?: ints[1..4096], ceil_mode?: bool, return_indices?: bool)
        max_pool2d(input, kernel_size: ints[1..4096], stride?: ints[1..4096], padding?: ints[0..4096], \
            dilation?: ints[1..4096], ceil_mode?: bool, return_indices?: bool)
        max_pool3d(input, kernel_size: ints[1..4096], stride?: ints[1..4096], padding?: ints[0..4096], \
            dilation?: ints[1..4096], ceil_mode?: bool, return_indices?: bool)
        pad(input, pad: sizes[-2**20..2**20], mode?: enum[constant,reflect,replicate,circular], value?: number) @cpu
        pairwise_distance(x1, x2, p?: float, eps?: float, keepdim?: bool)
        pdist(input, p?: float) !filled
        pixel_shuffle(input, upscale_factor: int[1..4096])
        pixel_unshuffle(input, downscale_factor: int[1..4096])
        rms_norm(input, normalized_shape: sizes, weight?: tensor, eps?: float)
        unfold(input, kernel_size: ints[1..64], dilation?: ints[1..4096], padding?: ints[0..4096], \
            stride?: ints[1..4096])
        scaled_dot_product_attention(query, key, value, attn_mask?: tensor, *, is_causal?: bool, scale?: float)
        """,
    ),
    # Running statistics would be updated in place, so training takes none of them.
    *rows(
        "torch.nn.functional",
        """
        batch_norm(input, running_mean: none, running_var: none, weight?: tensor, bias?: tensor, \
            training?: bool, momentum?: float, eps?: float)
        batch_norm(input, running_mean, running_var, weight?: tensor, bias?: tensor, *, eps?: float)
        """,
    ),
    *rows(
        "torch.nn.functional",
        "one_hot(tensor, num_classes?: size[-1..65536])",
        differentiable=False,
        data_sized=True,
    ),
    *rows(
        "torch",
        """
        adaptive_avg_pool1d(input, output_size: sizes[0..4096])
        adaptive_max_pool1d(input, output_size: sizes[1..4096])
        avg_pool1d(input, kernel_size: ints[1..4096], stride?: ints[1..4096], padding?: ints[0..4096], \
            ceil_mode?: bool, count_include_pad?: bool)
        bilinear(input1, input2, weight, bias?: tensor)
        channel_shuffle(input, groups: int[1..65536])
        conv1d(input, weight, bias?: tensor, stride?: ints[1..4096], padding?: ints[0..4096]|enum[valid,same], \
            dilation?: ints[1..4096], groups?: int[1..65536])
        conv2d(input, weight, bias?: tensor, stride?: ints[1..4096], padding?: ints[0..4096]|enum[valid,same], \
            dilation?: ints[1..4096], groups?: int[1..65536])
        conv3d(input, weight, bias?: tensor, stride?: ints[1..4096], padding?: ints[0..4096]|enum[valid,same], \
            dilation?: ints[1..4096], groups?: int[1..65536])
        group_norm(input, num_groups: int[1..65536], weight?: tensor, bias?: tensor, eps?: float)
        max_pool1d(input, kernel_size: ints[1..4096], stride?: ints[1..4096], padding?: ints[0..4096], \
            dilation?: ints[1..4096], ceil_mode?: bool)
        max_pool2d(input, kernel_size: ints[1..4096], stride?: ints[1..4096], padding?: ints[0..4096], \
            dilation?: ints[1..4096], ceil_mode?: bool)
        max_pool3d(input, kernel_size: ints[1..4096], stride?: ints[1..4096], padding?: ints[0..4096], \
            dilation?: ints[1..4096], ceil_mode?: bool)
        pdist(input, p?: float) !filled
        pixel_shuffle(input, upscale_factor: int[1..4096])
        pixel_unshuffle(input, downscale_factor: int[1..4096])
        rms_norm(input, normalized_shape: sizes, weight?: tensor, eps?: float)
        cosine_similarity(x1, x2, dim?: dim, eps?: float)
        layer_norm(input, normalized_shape: sizes, weight?: tensor, bias?: tensor, eps?: float)
        pairwise_distance(x1, x2, p?: float, eps?: float, keepdim?: bool)
        """,
    ),
]
